// What the field table makes is what is stored: these lists stood in the code before the table did, and their order is the
// order of stored columns, of sums in usage_log.numbers and of what is hashed.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import { encodeNative, sqlType } from "../../../../services/adapters/clickhouse/native.ts";
import * as columns from "../../../../services/domain/block/columns.ts";
import { closingRows } from "../../../../services/domain/block/other-rows.ts";
import { EVENT_TEXT_FIELDS, QUANTITY_FIELDS } from "../../../../services/domain/closing/logged-event.ts";
import { USAGE_KEYS, USAGE_SUMS } from "../../../../services/domain/closing/usage.ts";
import {
  EVENT_SUMS,
  FIELD_NAMES,
  type FieldName,
  fieldOf,
  fieldsWith,
} from "../../../../services/domain/event/fields.ts";
import * as record from "../../../../services/domain/event/record.ts";
import { DIVIDED } from "../../../../services/domain/window/split.ts";
import { WINDOW_SUMS } from "../../../../services/domain/window/sums.ts";
import { encodeEvent, encodeTotals, encodeVoid } from "../../../support/builders/events.ts";
import { randomEvents, randomTotals, randomVoids } from "../../../support/builders/random-events.ts";
import { TestIntake } from "../../../support/flows/intake.ts";

const words = (text: string): string[] => text.trim().split(/\s+/);

const NUMBERS =
  words(`sequence sharing rank world_size phase outcome started_at ended_at gpu_time_ns gpu_busy_ns
  communication_ns time_quality memory_peak_bytes memory_scope memory_total_bytes energy_uj power_avg_mw power_peak_mw
  power_limit_mw energy_quality nvlink_tx_bytes nvlink_rx_bytes tokens_in tokens_cached tokens_out batch_steps
  batch_size_avg_milli busy_quality`);
const TEXTS =
  words(`session_id user_id tenant_id project_id model model_version node container_id gpu_uuid gpu_model
  mig_profile apportionment probe_version`);
const ENUMS = {
  sharing: ["exclusive", "mps", "timeslice"],
  phase: ["load", "warmup", "inference"],
  outcome: ["ok", "error", "timeout", "cancelled", "interrupted"],
  time_quality: ["measured", "bounded", "estimated"],
  memory_scope: ["session", "shared"],
  energy_quality: ["counter", "integral", "model", "none"],
  busy_quality: ["elapsed", "sampled", "counter"],
};
const DICTIONARIES =
  words(`tenant_id project_id model model_version node container_id gpu_uuid gpu_model mig_profile
  apportionment probe_version`);
const SUMS = words(`gpu_time_ns gpu_busy_ns gpu_busy_known_ns communication_ns memory_time_byte_ns energy_uj
  power_avg_time_mw_ns power_peak_time_mw_ns nvlink_tx_bytes nvlink_rx_bytes tokens_in tokens_cached tokens_out batch_steps
  gpu_busy_counter_ns`);

const COLUMNS = `
kind Enum8('event' = 1, 'window' = 2, 'rejected' = 3, 'void' = 4, 'batch' = 5, 'totals' = 6)
ingest_day Date
kafka_partition UInt16
kafka_offset UInt64
ingested_at DateTime64(3, 'UTC')
hour DateTime('UTC')
event_id FixedString(16)
payload_hash UInt64
payload_hash_high UInt64
home UInt8
session_id String
sequence UInt32
tenant_id LowCardinality(String)
project_id LowCardinality(String)
user_id String
model LowCardinality(String)
model_version LowCardinality(String)
node LowCardinality(String)
container_id LowCardinality(String)
gpu_uuid LowCardinality(String)
gpu_model LowCardinality(String)
mig_profile LowCardinality(String)
sharing Enum8('none' = 0, 'exclusive' = 1, 'mps' = 2, 'timeslice' = 3)
rank UInt16
world_size UInt16
phase Enum8('none' = 0, 'load' = 1, 'warmup' = 2, 'inference' = 3)
outcome Enum8('none' = 0, 'ok' = 1, 'error' = 2, 'timeout' = 3, 'cancelled' = 4, 'interrupted' = 5)
started_at DateTime64(6, 'UTC')
ended_at DateTime64(6, 'UTC')
gpu_time_ns UInt64
gpu_busy_ns Nullable(UInt64)
communication_ns UInt64
time_quality Enum8('none' = 0, 'measured' = 1, 'bounded' = 2, 'estimated' = 3)
memory_peak_bytes UInt64
memory_scope Enum8('none' = 0, 'session' = 1, 'shared' = 2)
memory_total_bytes UInt64
energy_uj Nullable(UInt64)
power_avg_mw Nullable(UInt32)
power_peak_mw Nullable(UInt32)
power_limit_mw Nullable(UInt32)
energy_quality Enum8('unknown' = 0, 'counter' = 1, 'integral' = 2, 'model' = 3, 'none' = 4)
nvlink_tx_bytes Nullable(UInt64)
nvlink_rx_bytes Nullable(UInt64)
tokens_in UInt32
tokens_cached UInt32
tokens_out UInt32
batch_steps UInt32
batch_size_avg_milli UInt32
apportionment LowCardinality(String)
probe_version LowCardinality(String)
busy_quality Enum8('none' = 0, 'elapsed' = 1, 'sampled' = 2, 'counter' = 3)
numbers Array(UInt128)
reject_code LowCardinality(String)
reject_detail String
record_key String
raw String`;

describe("the field table gives, in the order of what is stored,", () => {
  it("the places of an event's numbers and texts", () => {
    expect(Object.entries(record.NUMBERS)).toEqual(NUMBERS.map((name, i) => [name, i]));
    expect(record.NUMBER_COUNT).toBe(28);
    expect(Object.entries(record.TEXTS)).toEqual(TEXTS.map((name, i) => [name, i]));
    expect(Object.entries(record.ENUMS)).toEqual(Object.entries(ENUMS));
    expect([...record.NULLABLE_NUMBERS]).toEqual(
      words(
        `gpu_busy_ns energy_uj power_avg_mw power_peak_mw power_limit_mw nvlink_tx_bytes nvlink_rx_bytes`,
      ),
    );
    expect([...record.NULLABLE_TEXTS]).toEqual(["user_id", "container_id", "mig_profile"]);
    expect(EVENT_TEXT_FIELDS).toEqual([...TEXTS, ...Object.keys(ENUMS)]);
    expect(QUANTITY_FIELDS).toEqual(NUMBERS.filter((name) => !(name in ENUMS)));
  });

  it("the columns of usage_log and what a block keeps in each kind of array", () => {
    const stored = columns.COLUMN_NAMES.map((name) => `${name} ${sqlType(columns.COLUMNS[name])}`);
    expect(stored).toEqual(COLUMNS.trim().split("\n"));
    expect(columns.EVENT_DICTIONARIES).toEqual(DICTIONARIES);
    expect(columns.EVENT_TEXTS).toEqual(["session_id", "user_id"]);
    expect(columns.UINT64_FIELDS).toEqual(
      words("gpu_time_ns communication_ns memory_peak_bytes memory_total_bytes"),
    );
    expect(columns.NULLABLE_UINT64_FIELDS).toEqual(
      words("gpu_busy_ns energy_uj nvlink_tx_bytes nvlink_rx_bytes"),
    );
    expect(columns.UINT32_FIELDS).toEqual(
      words("sequence tokens_in tokens_cached tokens_out batch_steps batch_size_avg_milli"),
    );
    expect(columns.NULLABLE_UINT32_FIELDS).toEqual(words("power_avg_mw power_peak_mw power_limit_mw"));
    expect(columns.UINT16_FIELDS).toEqual(["rank", "world_size"]);
    expect(columns.TIME_FIELDS).toEqual(["started_at", "ended_at"]);
    expect(columns.ENUM_FIELDS).toEqual(Object.keys(ENUMS));
  });

  it("what is split over hours, summed by hour and grouped by", () => {
    const divided =
      words(`gpu_time_ns gpu_busy_ns communication_ns energy_uj nvlink_tx_bytes nvlink_rx_bytes tokens_in
      tokens_cached tokens_out batch_steps`);
    expect(DIVIDED).toEqual(divided);
    expect(WINDOW_SUMS).toEqual(["events", "duplicates", "conflicts", "rejected", "voids", ...SUMS]);
    expect(USAGE_SUMS).toEqual(["events", ...SUMS]);
    expect(USAGE_KEYS).toEqual(
      words("tenant_id project_id model model_version gpu_model mig_profile sharing phase outcome"),
    );
  });
});

interface AvroField {
  readonly name: string;
  readonly type: unknown;
}

/** What Avro calls a field of the table. Whole numbers of 32 bits go through a long where they have no sign. */
function avroType(name: FieldName): unknown {
  const field = fieldOf(name);
  const types = {
    id: { type: "fixed", name, size: 16 },
    time: { type: "long", logicalType: "timestamp-micros" },
    text: "string",
    dictionary: "string",
    uint16: "int",
    uint32: "long",
    uint64: "long",
    enum: { type: "enum", name, symbols: "symbols" in field ? field.symbols : [] },
  };
  return field.nullable ? ["null", types[field.kind]] : types[field.kind];
}

describe("the field table", () => {
  it("is the schema of gpu_time_event, whose newest version has every field, in one order, and then the proofs", () => {
    const newest = loadSchemas().findLast((it) => it.record === "gpu_time_event");
    const schema = newest?.schema as { fields?: readonly AvroField[] } | undefined;
    expect(schema?.fields?.map(({ name, type }) => [name, type])).toEqual([
      ...FIELD_NAMES.map((name) => [name, avroType(name)]),
      ...Object.keys(record.PROOFS).map((name) => [name, ["null", "string"]]),
    ]);
  });

  it("groups windows by what WindowSums packs, and hours by more than that", () => {
    const windowKeys = words("tenant_id project_id model gpu_model sharing phase outcome");
    expect(fieldsWith({ window_key: true })).toEqual(windowKeys);
    expect(USAGE_KEYS).toEqual(expect.arrayContaining(windowKeys));
  });

  it("splits every sum of a quantity over hours, and nothing that is not summed", () => {
    const rules = ["plain", "where_busy_measured"];
    const plain = EVENT_SUMS.filter(({ rule }) => rules.includes(rule)).map(({ field }) => field);
    expect(plain).toEqual(fieldsWith({ split: true }));
  });

  it("has no two sums of one name", () => {
    expect(new Set(WINDOW_SUMS).size).toBe(WINDOW_SUMS.length);
  });
});

/** Of the bytes of these records since the payload hash has a key and 128 bits; a change means that other bytes are stored. */
const GOLDEN = {
  1: "259c92c6130e4c857d17a09f622567e815f151346ed8e28fbd11ce99f6d4f58d",
  2: "b05e3ae079b42e510a2ed155eeed69326eecf7c366d75d9713c72b4f9440cfa5",
  3: "c8bfe493a0a31676817614bcffdad1dc6e7d9a6e0d8cb3339d2aa4b0733fc549",
};

describe("a block of random records", () => {
  it.each(Object.entries(GOLDEN))("has the bytes that it had (seed %s)", (seed, expected) => {
    const intake = new TestIntake({ block_rows_max: 20_000 });
    const events = randomEvents(Number(seed), 2_000);
    for (const [i, fields] of events.entries()) intake.send(encodeEvent(fields), i % 5);
    for (const totals of randomTotals(Number(seed), 50)) intake.send(encodeTotals(totals), 1);
    for (const order of randomVoids(Number(seed), 50)) intake.send(encodeVoid(order), 2);
    intake.takeLate();
    const epochs = new Map([...intake.block.partitions.keys()].map((partition) => [partition, 7]));
    const rows = [...intake.block.rows, ...closingRows(intake.block, epochs)];
    const hash = createHash("sha256");
    for (const piece of encodeNative(intake.block, rows, { ingestDay: 20_000 })) hash.update(piece);
    expect(intake.block.events.rows).toBeGreaterThan(1_500);
    expect(hash.digest("hex")).toBe(expected);
  });
});
