import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PartitionBatch } from "../../../../services/domain/block/block.ts";
import type { RowKind } from "../../../../services/domain/block/columns.ts";
import { idTimeMs } from "../../../../services/domain/event/id.ts";
import { hashNumber, type PayloadHash } from "../../../../services/domain/event/payload-hash.ts";
import { WINDOW_SUMS, type WindowCount, type WindowSum } from "../../../../services/domain/window/sums.ts";
import {
  ENUM_FIELDS,
  type EventFields,
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
  uuidV7,
} from "../../../support/builders/events.ts";
import { TEST_HASH } from "../../../support/builders/payload-hash.ts";
import type { PlainRow } from "../../../support/doubles/plain-rows.ts";
import {
  HOUR_MS,
  NOW_HOUR,
  NOW_MS,
  REMEMBERED_HOURS,
  type Sent,
  TestIntake,
} from "../../../support/flows/intake.ts";

const PARTITIONS = 3;
const US_AN_HOUR = 3_600_000_000n;
const OLDEST_REMEMBERED_MS = (NOW_HOUR - REMEMBERED_HOURS) * HOUR_MS;
/** What is used up over time and so is split over hours. */
const DIVIDED = [
  "gpu_time_ns",
  "gpu_busy_ns",
  "communication_ns",
  "energy_uj",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
  "tokens_in",
  "tokens_cached",
  "tokens_out",
  "batch_steps",
] as const;
const KEY = ["hour", "tenant_id", "project_id", "model", "gpu_model", "sharing", "phase", "outcome"] as const;
const WHOLE = ["memory_peak_bytes", "power_avg_mw", "power_peak_mw", "batch_size_avg_milli", "rank"] as const;
const TEXTS = ["tenant_id", "project_id", "model", "model_version", "node", "gpu_uuid", "gpu_model"] as const;

type Verdict = "counted" | "duplicates" | "conflicts" | "rejected";
interface Case {
  readonly partition: number;
  readonly sent: Sent;
  /** Of an event whose tenant and hour are readable, good or bad. */
  readonly fields?: EventFields;
  readonly space: "event" | "totals" | "void" | "none";
}

const id = (sent: Sent): string => Buffer.from(sent.key ?? []).toString("hex");

/** Times of one seed are always the same: a copy has its original's id, and a conflict too. */
const SHAPES = [
  { endedMs: NOW_MS - 5_000, lengthUs: 250_000n },
  { endedMs: NOW_MS - 1, lengthUs: 0n },
  { endedMs: NOW_HOUR * HOUR_MS, lengthUs: 1_000n },
  { endedMs: NOW_HOUR * HOUR_MS, lengthUs: 0n },
  { endedMs: NOW_HOUR * HOUR_MS + 700, lengthUs: 1_000_001n },
  { endedMs: NOW_HOUR * HOUR_MS + 1, lengthUs: 2n * US_AN_HOUR + 7n },
  { endedMs: NOW_MS, lengthUs: 24n * US_AN_HOUR },
  { endedMs: OLDEST_REMEMBERED_MS, lengthUs: 60_000_000n },
  // beyond what is remembered
  { endedMs: OLDEST_REMEMBERED_MS - 1, lengthUs: 250_000n },
  { endedMs: NOW_MS - 40 * 24 * HOUR_MS, lengthUs: US_AN_HOUR },
] as const;

/** What the card of `makeEvent` can do in no time at all and between two readings. */
const amount = fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 2 ** 35 }));
const few = fc.nat(4_000_000);
const contents = fc.record({
  tenant_id: fc.constantFrom("tenant-01", "tenant-02", "租户"),
  project_id: fc.constantFrom("project-1", "project-2"),
  user_id: fc.option(fc.constantFrom("u", "josé")),
  model: fc.constantFrom("synthetic-7b", "synthetic-70b"),
  container_id: fc.option(fc.constant("pod-2")),
  sharing: fc.constantFrom("exclusive", "mps", "timeslice"),
  phase: fc.constantFrom("load", "warmup", "inference"),
  outcome: fc.constantFrom("ok", "error", "timeout", "cancelled", "interrupted"),
  memory_peak_bytes: amount,
  energy_uj: fc.option(amount),
  power_avg_mw: fc.option(few),
  power_peak_mw: fc.option(few),
  nvlink_tx_bytes: fc.option(amount),
  nvlink_rx_bytes: fc.option(amount),
  tokens_in: few,
  tokens_cached: few,
  tokens_out: few,
  batch_steps: few,
  batch_size_avg_milli: few,
});

const goodEvent = fc
  .record({
    seed: fc.nat(14),
    share: fc.nat(1_000),
    quality: fc.constantFrom("unsaid", "elapsed", "sampled", "counter"),
    changes: contents,
  })
  .map(({ seed, share, quality, changes }): Case => {
    const { endedMs, lengthUs } = SHAPES[seed % SHAPES.length] ?? SHAPES[0];
    const gpu_time_ns = Number(lengthUs) * share;
    const fields = makeEvent(endedMs, `event-${seed}`, {
      ...changes,
      started_at: endedMs * 1000 - Number(lengthUs),
      gpu_time_ns,
      gpu_busy_ns:
        quality === "unsaid" ? null : Math.floor(quality === "elapsed" ? gpu_time_ns : gpu_time_ns / 3),
      busy_quality: quality === "unsaid" ? "elapsed" : quality,
      communication_ns: Math.floor(gpu_time_ns / 7),
    });
    return { partition: seed % PARTITIONS, sent: encodeEvent(fields), fields, space: "event" };
  });
const goodTotals = fc.record({ seed: fc.nat(5), steps: fc.nat(1) }).map(({ seed, steps }): Case => {
  const endedMs = seed % 2 === 0 ? NOW_MS : OLDEST_REMEMBERED_MS - 60_000;
  const sent = encodeTotals(makeTotals(endedMs, `totals-${seed}`, { steps }));
  return { partition: seed % PARTITIONS, sent, space: "totals" };
});
const goodVoid = fc
  .record({ seed: fc.nat(14), reason: fc.constantFrom("a", "b") })
  .map(({ seed, reason }): Case => {
    const { endedMs } = SHAPES[seed % SHAPES.length] ?? SHAPES[0];
    const sent = encodeVoid(makeVoid(uuidV7(endedMs, `event-${seed}`), { reason }));
    return { partition: seed % PARTITIONS, sent, space: "void" };
  });
const badRecord = fc
  .record({
    partition: fc.nat(PARTITIONS - 1),
    good: goodEvent,
    how: fc.nat(5),
    bytes: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ partition, good: { sent, fields }, how, bytes }): Case => {
    const value = Buffer.from(sent.value ?? []);
    const bad: readonly Sent[] = [
      { key: sent.key, value: value.subarray(0, value.length - 1) },
      { key: null, value },
      { key: bytes, value: Buffer.concat([Buffer.from([1]), bytes]) },
      { key: sent.key, value: null },
      fields === undefined ? sent : encodeEvent({ ...fields, tokens_in: -1 }),
      { key: sent.key, value: Buffer.concat([value, bytes, Buffer.from([7])]) },
    ];
    // what is wrong with those two leaves their tenant and hour readable
    const readable = fields !== undefined && (how === 1 || how === 4) ? { fields } : {};
    return { partition, sent: bad[how] ?? sent, space: "none", ...readable };
  });
const anyRecord: fc.Arbitrary<Case> = fc.oneof(
  { weight: 6, arbitrary: goodEvent },
  { weight: 1, arbitrary: goodTotals },
  { weight: 1, arbitrary: goodVoid },
  { weight: 1, arbitrary: badRecord },
);

/** Of an event the body before its two absent proofs; of others, where `header` is 0, all. */
function hashOf(value: Uint8Array, header = 10): PayloadHash {
  const end = header === 0 ? value.length : value.length - 2;
  return { ...TEST_HASH(new DataView(value.buffer, value.byteOffset, value.length), header, end) };
}

/** What must become of each record, by a Map. Ids in `logged` are in the log already, with these very bytes. */
function verdicts({ cases, logged }: Scenario): Verdict[] {
  const known = new Map([...logged].map(([name, value]) => [name, Buffer.from(value)]));
  return cases.map(({ space, sent }) => {
    if (space === "none" || sent.value === null) return "rejected";
    const name = `${space} ${id(sent)}`;
    const before = known.get(name);
    if (before === undefined) known.set(name, Buffer.from(sent.value));
    if (before === undefined) return "counted";
    return before.equals(sent.value) ? "duplicates" : "conflicts";
  });
}

interface Scenario {
  readonly cases: readonly Case[];
  /** What the log holds already, of hours that are not remembered: values by space and id. */
  readonly logged: ReadonlyMap<string, Uint8Array>;
}

/** Records of a pool in any order, so that many come more than once; some of the pool are in the log. */
const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    pool: fc.array(anyRecord, { minLength: 1, maxLength: 16 }),
    order: fc.array(fc.nat(15), { maxLength: 40, size: "max" }),
    before: fc.array(fc.nat(15), { maxLength: 6 }),
  })
  .map(({ pool, order, before }) => {
    const pick = (i: number): Case => pool[i % pool.length] as Case;
    const isLate = ({ sent, space }: Case): boolean =>
      space !== "none" && idTimeMs(sent.key as Uint8Array, 0) < OLDEST_REMEMBERED_MS;
    const late = before.map(pick).filter(isLate);
    const logged = new Map(late.map(({ space, sent }) => [`${space} ${id(sent)}`, sent.value as Uint8Array]));
    return { cases: order.map(pick), logged };
  });

/** Sends all, then answers the late ones from `logged`. */
function taken({ cases, logged }: Scenario): TestIntake {
  const stream = new TestIntake();
  for (const { sent, partition } of cases) stream.send(sent, partition);
  stream.takeLate((space, bytes) => {
    const value = logged.get(`${space} ${Buffer.from(bytes).toString("hex")}`);
    return value === undefined ? undefined : hashOf(value, space === "event" ? 10 : 0);
  });
  return stream;
}

const total = (rows: readonly PlainRow[], name: keyof PlainRow): bigint =>
  rows.reduce((sum, row) => sum + BigInt((row[name] as bigint | number | null) ?? 0), 0n);

function expectSlices(rows: readonly PlainRow[], fields: EventFields): void {
  const sorted = rows.toSorted((a, b) => Number(a.hour) - Number(b.hour));
  for (const name of DIVIDED) {
    const whole = fields[name] as number | null;
    if (whole === null) expect(rows.every((row) => row[name] === null)).toBe(true);
    else expect(total(rows, name)).toBe(BigInt(whole));
  }
  expect(sorted.map(({ home }) => home)).toEqual([...sorted.slice(1).map(() => 0), 1]);
  expect(sorted[0]?.started_at).toBe(BigInt(fields.started_at));
  expect(sorted.at(-1)?.ended_at).toBe(BigInt(fields.ended_at));
  for (const [i, row] of sorted.entries()) {
    const hourUs = BigInt(row.hour as number) * 1_000_000n;
    if (i > 0) expect(row.started_at).toBe(sorted[i - 1]?.ended_at);
    expect((row.started_at as bigint) >= hourUs && (row.ended_at as bigint) <= hourUs + US_AN_HOUR).toBe(
      true,
    );
    for (const name of [...ENUM_FIELDS, ...TEXTS]) expect(row[name]).toBe(fields[name]);
    for (const name of WHOLE) {
      const value = fields[name] as number | null;
      expect(row[name] === null ? null : Number(row[name])).toBe(value);
    }
    expect(row.container_id).toBe(fields["container_id"] ?? "");
    expect(Buffer.from(row.session_id as Uint8Array).toString()).toBe(fields["session_id"]);
    expect(Buffer.from(row.user_id as Uint8Array).toString()).toBe(fields["user_id"] ?? "");
  }
}

/** Hourly sums of event rows, in bigints. */
function sumsOfRows(rows: readonly PlainRow[]): Record<WindowSum, bigint> {
  const times = (name: keyof PlainRow): bigint =>
    rows.reduce(
      (sum, row) => sum + (row.gpu_time_ns as bigint) * BigInt((row[name] as bigint | number | null) ?? 0),
      0n,
    );
  return {
    events: total(rows, "home"),
    duplicates: 0n,
    conflicts: 0n,
    rejected: 0n,
    voids: 0n,
    gpu_time_ns: total(rows, "gpu_time_ns"),
    gpu_busy_ns: total(
      rows.filter(({ busy_quality }) => busy_quality !== "elapsed"),
      "gpu_busy_ns",
    ),
    gpu_busy_known_ns: total(
      rows.filter(({ busy_quality }) => busy_quality !== "elapsed"),
      "gpu_time_ns",
    ),
    communication_ns: total(rows, "communication_ns"),
    memory_time_byte_ns: times("memory_peak_bytes"),
    energy_uj: total(rows, "energy_uj"),
    power_avg_time_mw_ns: times("power_avg_mw"),
    power_peak_time_mw_ns: times("power_peak_mw"),
    nvlink_tx_bytes: total(rows, "nvlink_tx_bytes"),
    nvlink_rx_bytes: total(rows, "nvlink_rx_bytes"),
    tokens_in: total(rows, "tokens_in"),
    tokens_cached: total(rows, "tokens_cached"),
    tokens_out: total(rows, "tokens_out"),
    batch_steps: total(rows, "batch_steps"),
    gpu_busy_counter_ns: total(
      rows.filter(({ busy_quality }) => busy_quality === "counter"),
      "gpu_time_ns",
    ),
  };
}

const keyOf = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(KEY.map((name) => row[name]));
/** Seconds of the hour that an event belongs to: that of its last instant. */
const homeHour = ({ started_at, ended_at }: EventFields): number =>
  Math.floor((ended_at > started_at ? ended_at - 1 : ended_at) / 3_600_000_000) * 3_600;

type Rows = ReadonlyMap<RowKind, readonly PlainRow[]>;
type Judged = Case & { readonly verdict: Verdict };

function expectAccounts(stream: TestIntake, rowsOf: Rows, judged: readonly Judged[]): void {
  for (const [partition, own] of Map.groupBy(judged, (one) => one.partition)) {
    const count = (verdict: Verdict): number => own.filter((one) => one.verdict === verdict).length;
    const account: PartitionBatch = stream.account(partition);
    expect(account).toEqual({
      partition,
      firstOffset: 100,
      lastOffset: 99 + own.length,
      ingestedAtMs: NOW_MS,
      received: own.length,
      counted: count("counted"),
      duplicates: count("duplicates"),
      conflicts: count("conflicts"),
      rejected: count("rejected"),
      lost: 0,
      misplaced: 0,
    });
    const { received, counted, duplicates, conflicts, rejected } = account;
    expect(counted + duplicates + conflicts + rejected).toBe(received);
    const row = rowsOf.get("batch")?.find(({ kafka_partition }) => kafka_partition === partition);
    const numbers = [100, 7, received, counted, duplicates, conflicts, rejected].map(BigInt);
    expect(row).toMatchObject({ kafka_offset: BigInt(account.lastOffset), numbers });
  }
}

function expectEvents(rows: readonly PlainRow[], judged: readonly Judged[]): void {
  const byId = Map.groupBy(rows, ({ event_id }) => event_id as string);
  const counted = judged.filter(({ space, verdict }) => space === "event" && verdict === "counted");
  expect(new Set(byId.keys())).toEqual(new Set(counted.map(({ sent }) => id(sent))));
  for (const { sent, fields } of counted) {
    expectSlices(byId.get(id(sent)) ?? [], fields as EventFields);
    const hash = hashNumber(hashOf(sent.value as Uint8Array));
    const row = byId.get(id(sent))?.[0];
    expect([row?.payload_hash, row?.payload_hash_high]).toEqual([hash & (2n ** 64n - 1n), hash >> 64n]);
  }
}

/** Windows by their key: sums of the event rows, and what was not counted in the hour that it would have been. */
function expectWindows(rowsOf: Rows, judged: readonly Judged[]): void {
  const rows = rowsOf.get("event") ?? [];
  const sums = new Map([...Map.groupBy(rows, keyOf)].map(([key, own]) => [key, sumsOfRows(own)]));
  const count = (key: string, what: WindowCount): void => {
    const known = sums.get(key) ?? sumsOfRows([]);
    sums.set(key, { ...known, [what]: known[what] + 1n });
  };
  for (const { space, sent, fields, verdict } of judged) {
    if (verdict !== "counted" && fields !== undefined)
      count(keyOf({ ...fields, hour: homeHour(fields) }), verdict);
    if (verdict === "counted" && space === "void") {
      const hour = Math.floor(idTimeMs(sent.key as Uint8Array, 0) / HOUR_MS) * 3_600;
      count(
        keyOf({
          hour,
          tenant_id: "",
          project_id: "",
          model: "",
          gpu_model: "",
          sharing: "none",
          phase: "none",
          outcome: "none",
        }),
        "voids",
      );
    }
  }
  const expected = new Map([...sums].map(([key, own]) => [key, WINDOW_SUMS.map((name) => own[name])]));
  expect(new Map((rowsOf.get("window") ?? []).map((row) => [keyOf(row), row.numbers]))).toEqual(expected);
  expect(rowsOf.get("window") ?? []).toHaveLength(expected.size);
}

function expectOthers(rowsOf: Rows, judged: readonly Judged[]): void {
  const ids = (space: Case["space"]): string[] =>
    judged
      .filter((one) => one.space === space && one.verdict === "counted")
      .map(({ sent }) => id(sent))
      .sort();
  for (const space of ["totals", "void"] as const) {
    expect((rowsOf.get(space) ?? []).map(({ event_id }) => String(event_id)).sort()).toEqual(ids(space));
  }
  const kept = judged.filter(({ verdict }) => verdict === "rejected" || verdict === "conflicts");
  const raws = kept.map(({ sent }) => Buffer.from(sent.value ?? []).toString("hex")).sort();
  const rejected = (rowsOf.get("rejected") ?? []).map(({ raw }) =>
    Buffer.from(raw as Uint8Array).toString("hex"),
  );
  expect(rejected.sort()).toEqual(raws);
}

describe("a block", () => {
  it("accounts for every record, and its events and windows say the same", () => {
    fc.assert(
      fc.property(scenario, (one) => {
        const stream = taken(one);
        const rowsOf = Map.groupBy(stream.rows(), ({ kind }) => kind as RowKind);
        const verdictsOf = verdicts(one);
        const judged = one.cases.map((it, i) => ({ ...it, verdict: verdictsOf[i] as Verdict }));
        expectAccounts(stream, rowsOf, judged);
        expectEvents(rowsOf.get("event") ?? [], judged);
        expectWindows(rowsOf, judged);
        expectOthers(rowsOf, judged);
      }),
      { numRuns: 60 },
    );
  }, 30_000);
});
