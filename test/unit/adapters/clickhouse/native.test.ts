import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeNative } from "../../../../services/adapters/clickhouse/native.ts";
import { COLUMN_NAMES } from "../../../../services/domain/block/columns.ts";
import { closingRows } from "../../../../services/domain/block/other-rows.ts";
import {
  ENUM_FIELDS,
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
} from "../../../support/builders/events.ts";
import { type NativeColumn, type NativeValue, readNative } from "../../../support/checks/native-reader.ts";
import { NOW_MS, TestIntake } from "../../../support/flows/intake.ts";

const LATER = ["0007_busy_time", "0012_payload_hash_key"].map(
  (name) => new URL(`../../../../clickhouse/migrations/${name}.sql`, import.meta.url),
);
/** A column that was added: its name, its type, and the one that it stands after. */
const ADDED =
  /ADD COLUMN (busy_quality|payload_hash_high) (Enum8\(.*?\)|UInt64)\s+DEFAULT .*?\s+AFTER (\w+)/g;
const MIGRATION = new URL("../../../../clickhouse/migrations/0001_usage_log.sql", import.meta.url);
const INGEST_DAY = 20_780;
const EPOCHS = new Map([
  [0, 7],
  [65_535, 2 ** 40],
]);

function columnsOf(stream: TestIntake): NativeColumn[] {
  const rows = [...stream.block.rows, ...closingRows(stream.block, EPOCHS)];
  return readNative(Buffer.concat(encodeNative(stream.block, rows, { ingestDay: INGEST_DAY })));
}

type Line = Readonly<Record<string, NativeValue>>;
function lines(columns: readonly NativeColumn[]): Line[] {
  const count = columns[0]?.values.length ?? 0;
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(columns.map(({ name, values }) => [name, values[row] as NativeValue])),
  );
}
const ofKind = (all: readonly Line[], kind: string): Line[] => all.filter((line) => line["kind"] === kind);

const BIG = 2 ** 52 - 1;
const SPAN_NS = 1_700_000_000_000;
const MEMORY = 2 ** 45 - 1;
/** Every field with a value of its own, so that no two columns can be mixed up. */
const FULL = makeEvent(NOW_MS, "full", {
  session_id: "s".repeat(128),
  sequence: 4_294_967_295,
  tenant_id: "租户",
  project_id: "p",
  user_id: "u".repeat(127),
  model: "m",
  model_version: "v",
  node: "n",
  container_id: "c",
  gpu_uuid: "g",
  gpu_model: "G",
  mig_profile: "3g.40gb",
  sharing: "timeslice",
  rank: 65_534,
  world_size: 65_535,
  phase: "warmup",
  outcome: "interrupted",
  started_at: NOW_MS * 1000 - 1_700_000_003,
  ended_at: NOW_MS * 1000 + 999,
  gpu_time_ns: SPAN_NS,
  gpu_busy_ns: SPAN_NS - 1,
  communication_ns: SPAN_NS - 2,
  time_quality: "bounded",
  memory_peak_bytes: MEMORY - 3,
  memory_scope: "session",
  memory_total_bytes: MEMORY - 4,
  energy_uj: 0,
  power_avg_mw: 9_999_994,
  power_peak_mw: 9_999_993,
  power_limit_mw: 0,
  energy_quality: "none",
  nvlink_tx_bytes: BIG - 5,
  nvlink_rx_bytes: BIG - 6,
  tokens_in: 4_294_967_292,
  tokens_cached: 4_294_967_291,
  tokens_out: 4_294_967_290,
  batch_steps: 1_700_000_289,
  batch_size_avg_milli: 999_999_288,
  apportionment: "a",
  probe_version: "w",
  busy_quality: "counter",
});
const NULLS = makeEvent(NOW_MS, "nulls", {
  user_id: null,
  container_id: null,
  mig_profile: null,
  gpu_busy_ns: null,
  energy_uj: null,
  power_avg_mw: null,
  power_peak_mw: null,
  power_limit_mw: null,
  nvlink_tx_bytes: null,
  nvlink_rx_bytes: null,
});
const NULLABLE = Object.keys(NULLS).filter(
  (name) => NULLS[name] === null && !["user_id", "container_id", "mig_profile"].includes(name),
);
const WIDE = [
  "started_at",
  "ended_at",
  "gpu_time_ns",
  "communication_ns",
  "memory_peak_bytes",
  "memory_total_bytes",
];
const WIDE_NULLABLE = ["gpu_busy_ns", "energy_uj", "nvlink_tx_bytes", "nvlink_rx_bytes"];

/** The fields of an event as columns hold them. */
function asColumns(fields: Readonly<Record<string, unknown>>): Line {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]): [string, NativeValue] => {
      if (value === null) return [name, NULLABLE.includes(name) ? null : Buffer.alloc(0)];
      if (WIDE.includes(name) || WIDE_NULLABLE.includes(name)) return [name, BigInt(value as number)];
      if (typeof value === "number") return [name, value];
      const isEnum = (ENUM_FIELDS as readonly string[]).includes(name);
      return [name, isEnum ? (value as string) : Buffer.from(value as string)];
    }),
  );
}

const numbers = (line: Line | undefined): readonly bigint[] => line?.["numbers"] as readonly bigint[];
const text = (value: NativeValue | undefined): string => (value as Buffer).toString();
const NOTHING: Line = {
  event_id: Buffer.alloc(16),
  payload_hash: 0n,
  payload_hash_high: 0n,
  home: 0,
  session_id: Buffer.alloc(0),
  user_id: Buffer.alloc(0),
  sequence: 0,
  started_at: 0n,
  gpu_time_ns: 0n,
  gpu_busy_ns: null,
  power_avg_mw: null,
  sharing: "none",
  phase: "none",
  energy_quality: "unknown",
  busy_quality: "none",
  time_quality: "none",
  numbers: [],
  reject_code: Buffer.alloc(0),
  raw: Buffer.alloc(0),
};

describe("a block in ClickHouse's Native format", () => {
  it("has the columns and types of the table, in one order", () => {
    const migration = readFileSync(MIGRATION, "utf8");
    const table = /CREATE TABLE usage_log\n\(\n(.*?)\n\)\nENGINE/s.exec(migration)?.[1] ?? "";
    const columns = table.split("\n").flatMap((line) => {
      const [, name, type] = /^ {4}([a-z_]+) +(.*?)(?: CODEC\(.*\))?,?$/.exec(line) ?? [];
      return name === undefined ? [] : [{ name, type, values: [] as never[] }];
    });
    for (const [, name, type, after] of LATER.flatMap((file) => [
      ...readFileSync(file, "utf8").matchAll(ADDED),
    ])) {
      const at = columns.findIndex((column) => column.name === after);
      columns.splice(at + 1, 0, { name: String(name), type, values: [] });
    }
    const stream = new TestIntake();
    expect(columnsOf(stream)).toEqual(columns);
    expect(columns.map(({ name }) => name)).toEqual(COLUMN_NAMES);
  });

  it("holds every field of every event", () => {
    const stream = new TestIntake({ block_rows_max: 2_000 });
    // more rows than are staged at once, all different
    const many = Array.from({ length: 1_100 }, (_, i) => {
      const more = {
        tokens_in: i,
        user_id: `user-${i % 3}`,
        node: `node-${i % 300}`,
        energy_uj: i % 2 === 0 ? null : i,
      };
      return makeEvent(NOW_MS - i, `many-${i}`, more);
    });
    const events = [FULL, NULLS, ...many];
    for (const fields of events) expect(stream.send(encodeEvent(fields))).toBe(true);
    const rows = ofKind(lines(columnsOf(stream)), "event");
    expect(rows).toHaveLength(events.length);
    for (const [i, fields] of events.entries()) {
      const { payload_hash, payload_hash_high, ...row } = rows[i] as Line;
      expect([payload_hash, payload_hash_high]).not.toContain(0n);
      const rest = {
        kind: "event",
        ingest_day: INGEST_DAY,
        kafka_partition: 0,
        kafka_offset: BigInt(100 + i),
        ingested_at: BigInt(NOW_MS),
        hour: NOW_MS / 1000 - 1_800,
        home: 1,
        numbers: [],
        reject_code: Buffer.alloc(0),
        reject_detail: Buffer.alloc(0),
        record_key: Buffer.alloc(0),
        raw: Buffer.alloc(0),
      };
      expect(row).toEqual({ ...asColumns(fields), ...rest, event_id: Buffer.from(fields.event_id) });
    }
  });

  it("holds the rows that are no events, and zeros where they have nothing to say", () => {
    const stream = new TestIntake();
    const totals = makeTotals(NOW_MS, "totals", {
      energy_uj: 400_000_000_000,
      energy_attributed_uj: 396_000_000_000,
      mig_profile: "1g.10gb",
      sharing: "mps",
      rank: 3,
    });
    const order = makeVoid(FULL.event_id, { reason: "ß".repeat(512) });
    const bad = Buffer.alloc(300, 0xc3);
    const records = [
      encodeEvent(FULL),
      encodeEvent(FULL),
      encodeEvent({ ...FULL, tokens_out: 1 }),
      encodeTotals(totals),
      encodeVoid(order),
      { key: null, value: bad },
    ];
    for (const record of records) stream.send(record, 65_535, NOW_MS);
    const all = lines(columnsOf(stream));
    expect(all.map(({ kind }) => kind)).toEqual([
      "event",
      "rejected",
      "totals",
      "void",
      "rejected",
      "window",
      "window",
      "batch",
    ]);
    for (const line of all) expect(line).toMatchObject({ ingest_day: INGEST_DAY, kafka_partition: 65_535 });

    const [conflict, reject] = ofKind(all, "rejected");
    expect(conflict).toMatchObject({
      kafka_offset: 102n,
      event_id: Buffer.from(FULL.event_id),
      raw: records[2]?.value,
    });
    expect([text(conflict?.["reject_code"]), text(conflict?.["tenant_id"])]).toEqual([
      "EVENT_CONFLICT",
      "租户",
    ]);
    expect(reject).toMatchObject({
      ...NOTHING,
      kafka_offset: 105n,
      hour: 0,
      raw: bad,
      reject_code: Buffer.from("RECORD_UNKNOWN_FORMAT"),
    });

    const [row] = ofKind(all, "totals");
    const { wall_time_ns, attributed_ns, operator_ns, idle_ns, unattributed_ns } = totals;
    const times = [wall_time_ns, attributed_ns, operator_ns, idle_ns, unattributed_ns].map(
      BigInt as (it: unknown) => bigint,
    );
    const others = [396_000_000_000n, 3_000_000_000n, 400_000_000n, 1_200n, 3n, 2n];
    const busy = [21_000_000_000n, 16_000_000_001n, 4_000_000_000n, 999_999_999n];
    expect(row).toMatchObject({
      event_id: Buffer.from(totals.totals_id),
      hour: NOW_MS / 1000 - 1_800,
      home: 1,
      sharing: "mps",
      rank: 3,
      energy_uj: 400_000_000_000n,
      energy_quality: "counter",
      started_at: BigInt(NOW_MS - 30_000) * 1000n,
      ended_at: BigInt(NOW_MS) * 1000n,
      phase: "none",
      busy_quality: "counter",
      numbers: [...times, ...others, ...busy, 500_000_000n, 100_000_000n],
    });
    const texts = ["node", "container_id", "mig_profile", "probe_version", "reject_detail", "model"];
    expect(texts.map((name) => text(row?.[name]))).toEqual([
      "node-1",
      "pod-1",
      "1g.10gb",
      "0.1.0",
      "4711:python3",
      "synthetic-7b",
    ]);

    const [voided] = ofKind(all, "void");
    expect(voided).toMatchObject({
      event_id: Buffer.from(order.event_id),
      started_at: BigInt(order["issued_at"] as number),
      home: 1,
    });
    expect([text(voided?.["reject_detail"]), text(voided?.["node"])]).toEqual([
      "ß".repeat(512),
      order["issued_by"],
    ]);

    const [window, ofVoids] = ofKind(all, "window");
    const product = BigInt(SPAN_NS) * BigInt(MEMORY - 3);
    expect(window).toMatchObject({
      hour: NOW_MS / 1000 - 1_800,
      sharing: "timeslice",
      phase: "warmup",
      outcome: "interrupted",
      kafka_offset: 105n,
    });
    expect(numbers(window).slice(0, 10)).toEqual([
      1n,
      1n,
      1n,
      0n,
      0n,
      BigInt(SPAN_NS),
      BigInt(SPAN_NS - 1),
      BigInt(SPAN_NS),
      BigInt(SPAN_NS - 2),
      product,
    ]);
    expect(product).toBeGreaterThan(2n ** 64n);
    expect(numbers(ofVoids)[4]).toBe(1n);

    const [batch] = ofKind(all, "batch");
    expect(batch).toMatchObject({
      ...NOTHING,
      kafka_offset: 105n,
      ingested_at: BigInt(NOW_MS),
      numbers: [100n, 2n ** 40n, 6n, 3n, 1n, 1n, 1n],
    });
  });

  it("of rejects alone, and of nothing", () => {
    const stream = new TestIntake();
    expect(lines(columnsOf(stream))).toEqual([]);
    stream.send({ key: null, value: null });
    const all = lines(columnsOf(stream));
    expect(all.map(({ kind }) => kind)).toEqual(["rejected", "batch"]);
    expect(all[0]).toMatchObject({
      raw: Buffer.alloc(0),
      record_key: Buffer.alloc(0),
      reject_code: Buffer.from("RECORD_EMPTY"),
    });
  });
});
