import { expect, it } from "vitest";
import type { OutgoingRecord } from "../../services/adapters/kafka/producer.ts";
import { encodeEvent, encodeTotals, encodeVoid, makeEvent, uuidV7 } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import type { Flow } from "../support/flows/flow.ts";
import { sharedFlow } from "../support/flows/flow.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function broken(now: number): [string, string, OutgoingRecord][] {
  const at = now - MINUTE_MS;
  const good = encodeEvent(makeEvent(at, "whole"));
  const bent = (seed: string, fields: Record<string, unknown>) => encodeEvent(makeEvent(at, seed, fields));
  const edited = (edit: (value: Buffer) => Buffer) => ({
    key: good.key,
    value: edit(Buffer.from(good.value)),
  });
  // header, id, session-whole, sequence, tenant-01, project-1: then user_id's union index
  const unionAt = 10 + 16 + 14 + 1 + 10 + 10;
  return [
    ["a 2 MB record", "RECORD_TOO_LARGE", { key: Buffer.from("big"), value: Buffer.alloc(2 << 20, 7) }],
    ["an empty record", "RECORD_EMPTY", { key: good.key, value: Buffer.alloc(0) }],
    ["a record without a value", "RECORD_EMPTY", { key: good.key, value: null }],
    ["a null key", "RECORD_KEY_MISSING", { key: null, value: good.value }],
    ["somebody else's key", "RECORD_KEY_MISMATCH", { key: uuidV7(at, "other"), value: good.value }],
    ["no Avro at all", "RECORD_UNKNOWN_FORMAT", { key: good.key, value: Buffer.from('{"gpu":1}') }],
    ["an unknown fingerprint", "RECORD_UNKNOWN_SCHEMA", edited((it) => it.fill(9, 2, 10))],
    ["a header that is cut", "RECORD_TRUNCATED", edited((it) => it.subarray(0, 6))],
    ["truncated Avro", "RECORD_TRUNCATED", edited((it) => it.subarray(0, it.length - 20))],
    ["bytes left over", "RECORD_MALFORMED", edited((it) => Buffer.concat([it, Buffer.from("more")]))],
    ["a union that has no such type", "RECORD_MALFORMED", edited((it) => it.fill(10, unionAt, unionAt + 1))],
    ["a negative number", "EVENT_NUMBER_NEGATIVE", bent("negative", { gpu_time_ns: -1 })],
    ["an absurd number", "EVENT_NUMBER_RANGE", bent("absurd", { energy_uj: 2 ** 52 + 2 })],
    ["more GPU time than time", "EVENT_GPU_TIME_EXCEEDS_SPAN", bent("over", { gpu_time_ns: 900_000_000 })],
    ["an end before the start", "EVENT_TIME_REVERSED", bent("reversed", { started_at: at * 1000 + 1 })],
    ["a time in 1970", "EVENT_TIME_TOO_OLD", encodeEvent(makeEvent(1_000, "1970"))],
    ["a time in 2099", "EVENT_TIME_FUTURE", encodeEvent(makeEvent(Date.UTC(2099, 0), "2099"))],
    ["an id of another time", "EVENT_ID_TIME_MISMATCH", bent("moved", { event_id: uuidV7(at + 1, "moved") })],
    ["a control character", "EVENT_TEXT_INVALID", bent("text", { tenant_id: "a\u0007b" })],
    ["a text too long", "EVENT_TEXT_LENGTH", bent("long", { model: "m".repeat(129) })],
    ["totals that do not add up", "TOTALS_NOT_CONSERVED", totals(at, { idle_ns: 1 })],
    ["a void without a reason", "EVENT_TEXT_LENGTH", order(at, "no reason", { reason: "" })],
  ];
}

function totals(endedAtMs: number, fields: Record<string, unknown>): OutgoingRecord {
  const minute = Math.floor(endedAtMs / MINUTE_MS) * MINUTE_MS;
  return encodeTotals({
    totals_id: uuidV7(minute, `totals-${JSON.stringify(fields)}`),
    node: "node-1",
    container_id: null,
    gpu_uuid: "GPU-1",
    gpu_model: "NVIDIA H100 80GB HBM3",
    mig_profile: null,
    sharing: "exclusive",
    rank: 0,
    started_at: (minute - MINUTE_MS) * 1000,
    ended_at: minute * 1000,
    wall_time_ns: 60_000_000_000,
    attributed_ns: 40_000_000_000,
    operator_ns: 5_000_000_000,
    idle_ns: 14_000_000_000,
    unattributed_ns: 1_000_000_000,
    energy_uj: null,
    energy_attributed_uj: null,
    energy_operator_uj: null,
    energy_idle_uj: null,
    steps: 100,
    steps_missed: 0,
    lost_events: 0,
    probe_version: "0.1.0",
    ...fields,
  });
}

function order(at: number, seed: string, fields: Record<string, unknown> = {}): OutgoingRecord {
  const issued = { reason: "complaint", issued_by: "ops", issued_at: at * 1000 };
  return encodeVoid({ event_id: uuidV7(at, seed), ...issued, ...fields });
}

interface Reject {
  readonly reject_code: string;
  readonly raw: string;
  readonly record_key: string;
}

const rejects = (flow: Flow): Promise<Reject[]> =>
  flow.query("SELECT reject_code, hex(raw) AS raw, hex(record_key) AS record_key FROM rejected_events");

const rejectOf = (code: string, { key, value }: OutgoingRecord): Reject => ({
  reject_code: code,
  raw: Buffer.from(value ?? [])
    .subarray(0, 65_536)
    .toString("hex")
    .toUpperCase(),
  record_key: Buffer.from(key ?? [])
    .toString("hex")
    .toUpperCase(),
});

const sorted = (rows: readonly Reject[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

it("keeps every broken record with its code and its bytes, and goes on", async () => {
  const now = Date.now();
  const flow = await sharedFlow();
  const processor = flow.start();
  const bad = broken(now);
  const good = Array.from({ length: 200 }, (_, i) => encodeEvent(makeEvent(now - i, `good-${i}`)));
  await flow.send([...good.slice(0, 100), ...bad.map(([, , record]) => record)]);
  await flow.send([...good.slice(100), totals(now, {}), order(now - 1, "good-1")]);
  const records = good.length + bad.length + 2;
  expect(await flow.received(records)).toEqual({
    received: records,
    counted: good.length + 2,
    duplicates: 0,
    conflicts: 0,
    rejected: bad.length,
  });
  const kept = bad.map(([, code, record]) => rejectOf(code, record));
  expect(sorted(await rejects(flow))).toEqual(sorted(kept));
  await expectAccount(flow, records);
  expect(await processor.stop()).toBe(0);
});

it("gives every record of a tenant and hour exactly one outcome", async () => {
  const flow = await sharedFlow();
  const hour = Math.floor(Date.now() / HOUR_MS) - 1;
  const at = (minute: number) => hour * HOUR_MS + minute * MINUTE_MS;
  const event = (minute: number, seed: string, fields = {}) =>
    encodeEvent(makeEvent(at(minute), seed, fields));
  flow.start();
  await flow.send([
    ...[1, 2, 3, 4].map((minute) => event(minute, `a-${minute}`, { tenant_id: "a" })),
    ...[5, 6].map((minute) => event(minute, `b-${minute}`, { tenant_id: "b" })),
    event(1, "a-1", { tenant_id: "a" }),
    event(1, "a-1", { tenant_id: "a" }),
    event(2, "a-2", { tenant_id: "a", tokens_out: 56 }),
    event(5, "b-5", { tenant_id: "b" }),
    event(7, "b-7", { tenant_id: "b", gpu_time_ns: -1 }),
    event(8, "reversed", { tenant_id: "b", started_at: at(8) * 1000 + 5 }),
  ]);
  await flow.received(12);
  const rows = await flow.query(
    `SELECT tenant_id, toUnixTimestamp(hour) AS hour_s, sum(w.events) AS events, sum(w.duplicates) AS duplicates,
       sum(w.conflicts) AS conflicts, sum(w.rejected) AS rejected
     FROM usage_windows AS w GROUP BY tenant_id, hour_s ORDER BY tenant_id`,
  );
  expect(rows).toEqual([
    { tenant_id: "a", hour_s: hour * 3600, events: "4", duplicates: "2", conflicts: "1", rejected: "0" },
    { tenant_id: "b", hour_s: hour * 3600, events: "2", duplicates: "1", conflicts: "0", rejected: "1" },
  ]);
  await expectAccount(flow, 12);
});
