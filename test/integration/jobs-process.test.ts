// The jobs as they are run: two processes, of which one leads, do what fell due while neither ran, and end in order.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { NODE_FLAGS } from "../../services/adapters/lifecycle/node-flags.ts";
import type { Role } from "../../services/local/roles.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { CHILD_ENV } from "../support/stack/child-env.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const DAY_MS = 86_400_000;

interface Said {
  readonly msg: string;
}

/** A process of the jobs, with what it says. */
function startJobs(env: Record<string, string>) {
  const child = spawn(process.execPath, [...NODE_FLAGS, "services/jobs/main.ts"], {
    env: { ...CHILD_ENV, METERHOUSE_METRICS_PORT: "0", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  return {
    lines,
    says: (msg: string) => lines.some((line) => (JSON.parse(line) as Said).msg === msg),
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      return ended;
    },
  };
}

it("drop an old day once, and say so", async () => {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database, kafkaBrokers } = flow.target;
  const open = (role: Role) => {
    const client = openClickHouse({ url, database, ...users[role] });
    onTestFinished(() => client.close());
    return client;
  };
  const folder = await mkdtemp(join(tmpdir(), "meterhouse-exports-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const daysAgo = (days: number) => {
    const day = Math.floor(Date.now() / DAY_MS) - days;
    const ingest_day = new Date(day * DAY_MS).toISOString().slice(0, 10);
    return { hour: (day * DAY_MS) / 1000, ingest_day };
  };
  const [old, recent] = [daysAgo(130), daysAgo(3)];
  const processor = open("processor");
  await appendBatch(processor, batch(0, 0, [{ id: "a", hour: old.hour }]), old.ingest_day);
  await appendBatch(processor, batch(0, 1, [{ id: "b", hour: recent.hour }]), recent.ingest_day);
  await pass(
    settlementOver(new ClickHouseSettlementStore(open("settlement"), database), {
      clock: systemClock,
    }),
  );

  const env = {
    METERHOUSE_KAFKA_BROKERS: kafkaBrokers.join(),
    METERHOUSE_TOPIC: flow.topic,
    METERHOUSE_CLICKHOUSE_URL: url,
    METERHOUSE_CLICKHOUSE_DATABASE: database,
    METERHOUSE_CLICKHOUSE_PASSWORD: users.jobs.password,
    METERHOUSE_RETENTION_PASSWORD: users.retention.password,
    METERHOUSE_EXPORT_FOLDER: folder,
    METERHOUSE_LEASE: "5s",
  };
  const both = [startJobs(env), startJobs(env)];
  const runs = () =>
    flow.query<{ version: number; content: string }>(
      "SELECT version, content FROM pricing_documents WHERE kind = 'job_run' AND id = 'retention'",
    );
  const tails = () => both.map(({ lines }) => lines.join("\n")).join("\n\n");
  await expect.poll(async () => (await runs()).length, { timeout: 60_000, message: tails() }).toBe(1);
  const [run] = await runs();
  expect(JSON.parse(run?.content ?? "")).toMatchObject({ outcome: `dropped: ${old.ingest_day}; kept: none` });
  const left = await flow.query("SELECT DISTINCT toString(ingest_day) AS day FROM usage_log");
  expect(left).toEqual([{ day: recent.ingest_day }]);
  expect(await readdir(folder)).toEqual(
    ["json", "parquet"].map((kind) => `usage_log-${old.ingest_day}.${kind}`),
  );
  const didIt = both.filter(({ says }) => says("dropped exported days of the log"));
  expect(didIt, tails()).toHaveLength(1);
  expect(await Promise.all(both.map((it) => it.stop())), tails()).toEqual([
    [0, null],
    [0, null],
  ]);
});
