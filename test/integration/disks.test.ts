// A disk that is full, and a machine that lost its power: the log takes up where it ends, and every event counts once.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { migrate } from "../../services/adapters/clickhouse/migrate.ts";
import { type Stack, startStack } from "../../services/local/stack.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import { Flow } from "../support/flows/flow.ts";
import { killProcessors } from "../support/stack/processor-process.ts";
import { MIGRATIONS } from "../support/stack/stack.ts";

const DATABASE = "disks";
const DISK_BYTES = 256 << 20;
const MS_MAX = 240_000;
const LATE_MS = 100 * 3_600_000;

const events = (from: number, count: number, ageMs = 1_000) =>
  Array.from({ length: count }, (_, i) =>
    encodeEvent(makeEvent(BASE_MS - ageMs - from - i, `e-${from + i}`)),
  );
const BASE_MS = Date.now();

async function ownFlow(directory?: string): Promise<{ flow: Flow; stack: Stack }> {
  const stack = await startStack({
    databases: [DATABASE],
    ...(directory === undefined ? {} : { directory, keep: true }),
  });
  onTestFinished(() => stack.stop());
  const { clickhouseUrl, kafkaBrokers, users } = stack;
  const server = openClickHouse({ url: clickhouseUrl, database: "default", ...users.migrate });
  await server.command(`CREATE DATABASE ${DATABASE}`);
  await server.close();
  const admin = openClickHouse({ url: clickhouseUrl, database: DATABASE, ...users.migrate });
  await migrate(admin, MIGRATIONS);
  const target = { kafkaBrokers: [...kafkaBrokers], clickhouseUrl, users, database: DATABASE, admin };
  const flow = await Flow.open(target, { partitions: 1 });
  onTestFinished(async () => {
    await killProcessors();
    await flow.close();
    await admin.close();
  });
  return { flow, stack };
}

it("a power failure that took the newest parts of usage_log loses nothing: they are read again from Kafka", {
  timeout: MS_MAX,
}, async () => {
  const { flow, stack } = await ownFlow();
  await flow.keepParts();
  const processor = flow.start();
  for (let block = 0; block < 4; block++) {
    await flow.send(events(block * 50, 50));
    await flow.received((block + 1) * 50);
  }
  const parts = await flow.query<{ path: string }>(
    "SELECT path FROM system.parts WHERE database = currentDatabase() AND table = 'usage_log' AND active ORDER BY min_block_number",
  );
  expect(parts.length).toBeGreaterThan(3);
  await stack.killClickHouse();
  for (const { path } of parts.slice(-2)) rmSync(path, { recursive: true });
  await stack.restartClickHouse();
  // the one that runs is refused, as the log is not where it was, and starts again from where it ends
  await flow.send(events(200, 50));
  await flow.received(250);
  await expectAccount(flow, 250);
  expect(await flow.totals()).toMatchObject({ counted: 250, duplicates: 0 });
  expect(processor.saidTimes("a block was refused; starting from usage_log's position")).toBe(1);
});

it("every table is written through to the disk", { timeout: MS_MAX }, async () => {
  const { flow } = await ownFlow();
  const tables = await flow.query<{ name: string; query: string }>(
    "SELECT name, create_table_query AS query FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
  );
  expect(tables.length).toBeGreaterThan(9);
  const volatile = tables.filter(
    ({ query }) => !/fsync_after_insert = 1, fsync_part_directory = 1/.test(query),
  );
  expect(volatile.map(({ name }) => name)).toEqual([]);
});

/** Only root may make a small disk. */
function smallDisk(path: string): boolean {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

it("a full disk refuses blocks and is no answer: copies of late events count once, and room is enough to go on", {
  timeout: MS_MAX,
}, async ({ skip }) => {
  const directory = mkdtempSync(join(tmpdir(), "meterhouse-disk-"));
  const disk = join(directory, "clickhouse");
  if (!smallDisk(disk)) skip("this user may not mount a small disk");
  onTestFinished(() => {
    execFileSync("umount", ["-l", disk]);
    rmSync(directory, { recursive: true, force: true });
  });
  const { flow } = await ownFlow(directory);
  const late = events(0, 50, LATE_MS);
  const processor = flow.start();
  await flow.send(late);
  await flow.received(50);
  fill(disk);
  await flow.send([...late, ...events(1_000, 50)]);
  await processor.says("no room");
  rmSync(join(disk, "filler"));
  await flow.received(150, { withinMs: 60_000 });
  await processor.says("usage_log takes inserts again");
  expect(processor.saidTimes("no room")).toBe(1);
  expect(await flow.totals()).toMatchObject({ counted: 100, duplicates: 50 });
  await expectAccount(flow, 150);
  expect(readdirSync(disk)).not.toContain("filler");
});

function fill(disk: string): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "filler"), Buffer.alloc(Number(bavail) * Number(bsize)));
}
