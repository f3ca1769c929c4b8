import { expect, it } from "vitest";
import { encodeEvent, encodeTotals, encodeVoid, makeEvent, uuidV7 } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import { sharedFlow } from "../support/flows/flow.ts";

const HOUR_MS = 3_600_000;

const event = (endedAtMs: number, seed: string, fields: Record<string, unknown> = {}) =>
  encodeEvent(makeEvent(endedAtMs, seed, fields));

it("counts copies in the same batch, a later batch and after a restart as duplicates", async () => {
  const now = Date.now();
  const flow = await sharedFlow();
  const some = Array.from({ length: 300 }, (_, i) => event(now - i, `e-${i}`));
  const first = flow.start();
  await flow.send([...some, ...some]);
  await flow.received(600);
  await flow.send(some);
  await flow.received(900);
  expect(await first.stop()).toBe(0);
  flow.start();
  await flow.send([...some, ...some.slice(0, 100), event(now, "new")]);
  expect(await flow.received(1_301)).toMatchObject({ counted: 301, duplicates: 1_000, conflicts: 0 });
  await expectAccount(flow, 1_301);
});

it("finds copies of hours that are older than its memory, of every type, and on the edge of an hour", async () => {
  const flow = await sharedFlow({ partitions: 2 });
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const old = [hour - 50 * HOUR_MS, hour - 49 * HOUR_MS - 1, hour - 20 * HOUR_MS + 1, hour - 2 * HOUR_MS];
  const records = [
    ...old.flatMap((at, i) => [event(at, `old-${i}`), event(at, `other-${i}`)]),
    ...old.map((at) =>
      encodeVoid({ event_id: uuidV7(at, "old-0"), reason: "r", issued_by: "ops", issued_at: 1 }),
    ),
    ...old.slice(0, 1).map((at) =>
      encodeTotals({
        totals_id: uuidV7(at, "totals"),
        node: "node-1",
        container_id: null,
        gpu_uuid: "GPU-1",
        gpu_model: "H100",
        mig_profile: null,
        sharing: "exclusive",
        rank: 0,
        started_at: (at - 60_000) * 1000,
        ended_at: at * 1000,
        wall_time_ns: 60_000_000_000,
        attributed_ns: 0,
        operator_ns: 0,
        idle_ns: 60_000_000_000,
        unattributed_ns: 0,
        energy_uj: null,
        energy_attributed_uj: null,
        energy_operator_uj: null,
        energy_idle_uj: null,
        steps: 0,
        steps_missed: 0,
        lost_events: 0,
        probe_version: "0.1.0",
      }),
    ),
  ];
  const first = flow.start();
  await flow.send([...records, ...records]);
  await flow.received(records.length * 2);
  await flow.send(records);
  await flow.received(records.length * 3);
  expect(await first.stop()).toBe(0);
  flow.start();
  await flow.send(records);
  const received = records.length * 4;
  expect(await flow.received(received)).toMatchObject({
    counted: records.length,
    duplicates: records.length * 3,
    rejected: 0,
  });
  await expectAccount(flow, received);
});

it("keeps the first of an id that comes under another tenant, and the other as a conflict", async () => {
  const now = Date.now();
  const late = now - 30 * HOUR_MS;
  const flow = await sharedFlow();
  flow.start();
  await flow.send([event(now, "recent"), event(late, "late")]);
  await flow.received(2);
  const moved = [now, late].map((at) =>
    event(at, at === now ? "recent" : "late", { tenant_id: "somebody-else" }),
  );
  await flow.send([...moved, ...moved]);
  expect(await flow.received(6)).toMatchObject({ counted: 2, duplicates: 0, conflicts: 4 });
  const conflicts = await flow.query(
    "SELECT reject_code, tenant_id, hex(event_id) AS id, hex(raw) AS raw FROM rejected_events",
  );
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase();
  const kept = [...moved, ...moved].map(({ key, value }) => ({
    reject_code: "EVENT_CONFLICT",
    tenant_id: "somebody-else",
    id: hex(key),
    raw: hex(value),
  }));
  expect(conflicts.map((row) => JSON.stringify(row)).sort()).toEqual(
    kept.map((row) => JSON.stringify(row)).sort(),
  );
  const tenants = await flow.query("SELECT DISTINCT tenant_id FROM events");
  expect(tenants).toEqual([{ tenant_id: "tenant-01" }]);
  await expectAccount(flow, 6);
});

it("counts once also when it may remember far fewer ids than there are", async () => {
  const now = Date.now();
  const flow = await sharedFlow();
  const processor = flow.start({ METERHOUSE_DEDUPE_IDS_MAX: "1000", METERHOUSE_BLOCK_ROWS_MAX: "400" });
  const many = Array.from({ length: 4_000 }, (_, i) => event(now - (i % 4) * HOUR_MS - i, `e-${i}`));
  const copies = many.flatMap((record, i) => (i % 7 === 0 ? [record, record] : [record]));
  for (let at = 0; at < copies.length; at += 500) await flow.send(copies.slice(at, at + 500));
  await flow.send(many);
  const received = copies.length + many.length;
  expect(await flow.received(received)).toMatchObject({ counted: 4_000, duplicates: received - 4_000 });
  await expectAccount(flow, received);
  expect(await processor.stop()).toBe(0);
});
