import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recordDecoder, recordWriter } from "../../../../services/adapters/avro/codec.ts";
import {
  loadSchemas,
  RECORDS,
  type RecordName,
  SCHEMAS_DIRECTORY,
} from "../../../../services/adapters/avro/schemas.ts";
import { encodeNative } from "../../../../services/adapters/clickhouse/native.ts";
import { closingRows } from "../../../../services/domain/block/other-rows.ts";
import { idTimeMs } from "../../../../services/domain/event/id.ts";
import { PROOFS } from "../../../../services/domain/event/record.ts";
import { TRUST_EVERYONE } from "../../../../services/domain/trust/trust.ts";
import { fieldsOf, rawRecord } from "../../../support/builders/raw-avro.ts";
import { type NativeValue, readNative } from "../../../support/checks/native-reader.ts";
import { TestIntake } from "../../../support/flows/intake.ts";

type Fields = Readonly<Record<string, unknown>>;
type Line = Readonly<Record<string, NativeValue>>;

/** Fixed fields are hexadecimal in the examples. */
const ID: Readonly<Record<RecordName, string>> = {
  gpu_time_event: "event_id",
  gpu_totals: "totals_id",
  event_void: "event_id",
};
const KIND: Readonly<Record<RecordName, string>> = {
  gpu_time_event: "event",
  gpu_totals: "totals",
  event_void: "void",
};
/** What is used up over time: slices of an event add up to it. */
const DIVIDED = [
  "gpu_time_ns",
  "gpu_busy_ns",
  "communication_ns",
  "energy_uj",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
];
const DIVIDED_COUNTS = ["tokens_in", "tokens_cached", "tokens_out", "batch_steps"];

const schemas = loadSchemas();
const examples = RECORDS.flatMap((record) =>
  readdirSync(join(SCHEMAS_DIRECTORY, record, "examples")).flatMap((folder) => {
    const version = /^(v\d+)-/.exec(folder)?.[1] ?? "v1";
    const directory = join(SCHEMAS_DIRECTORY, record, "examples", folder);
    return readdirSync(directory).map((file) => {
      const plain = JSON.parse(readFileSync(join(directory, file), "utf8")) as Fields;
      const id = Buffer.from(String(plain[ID[record]]), "hex");
      const written = schemas.filter((known) => known.version === version);
      return {
        record,
        version,
        written,
        name: `${folder}/${file}`,
        fields: { ...plain, [ID[record]]: id },
        id,
      };
    });
  }),
);

/** The value through reader, intake, block and Native, as it would reach ClickHouse a minute after it ended. */
function stored(key: Uint8Array, value: Uint8Array): { stream: TestIntake; lines: Line[] } {
  const stream = new TestIntake({}, TRUST_EVERYONE);
  const ingestedAtMs = idTimeMs(key, 0) + 60_000;
  stream.memory.open(0, Math.floor(ingestedAtMs / 3_600_000) - 2);
  stream.send({ key, value }, 0, ingestedAtMs);
  const rows = [...stream.block.rows, ...closingRows(stream.block, new Map([[0, 1]]))];
  const columns = readNative(Buffer.concat(encodeNative(stream.block, rows, { ingestDay: 1 })));
  const lines = Array.from({ length: columns[0]?.values.length ?? 0 }, (_, row) =>
    Object.fromEntries(columns.map(({ name, values }) => [name, values[row] as NativeValue])),
  );
  return { stream, lines };
}

/** As plain as the example writes it. */
function plainly(value: NativeValue | undefined, isNullable: boolean): unknown {
  if (Buffer.isBuffer(value)) return isNullable && value.length === 0 ? null : value.toString();
  return typeof value === "bigint" ? Number(value) : value;
}
const sum = (lines: readonly Line[], name: string): bigint =>
  lines.reduce((total, line) => total + BigInt(line[name] as number | bigint), 0n);

function expectEvent(lines: readonly Line[], fields: Fields): void {
  const isDivided = (name: string): boolean => [...DIVIDED, ...DIVIDED_COUNTS].includes(name);
  const [version, assumed] =
    fields["busy_quality"] === undefined
      ? ["v1", fields["gpu_busy_ns"] === null ? "elapsed" : "sampled"]
      : ["v2", fields["busy_quality"]];
  for (const line of lines) expect(line["busy_quality"]).toBe(assumed);
  for (const { name, type } of fieldsOf("gpu_time_event", version as string)) {
    if (name === "event_id" || name === "started_at" || name === "ended_at" || name in PROOFS) continue;
    if (isDivided(name) && fields[name] !== null) {
      expect([name, sum(lines, name)]).toEqual([name, BigInt(fields[name] as number)]);
    } else {
      for (const line of lines)
        expect([name, plainly(line[name], Array.isArray(type))]).toEqual([name, fields[name]]);
    }
  }
  expect(lines[0]?.["started_at"]).toBe(BigInt(fields["started_at"] as number));
  expect(lines.at(-1)?.["ended_at"]).toBe(BigInt(fields["ended_at"] as number));
  expect(lines.map(({ home }) => home)).toEqual([...lines.slice(1).map(() => 0), 1]);
}

function expectTotals([line]: readonly Line[], fields: Fields): void {
  for (const name of [
    "node",
    "container_id",
    "gpu_uuid",
    "gpu_model",
    "mig_profile",
    "sharing",
    "rank",
    "started_at",
    "ended_at",
    "energy_uj",
    "probe_version",
  ]) {
    const isNullable = name === "container_id" || name === "mig_profile";
    expect([name, plainly(line?.[name], isNullable)]).toEqual([name, fields[name]]);
  }
  const names = [
    "wall_time_ns",
    "attributed_ns",
    "operator_ns",
    "idle_ns",
    "unattributed_ns",
    "energy_attributed_uj",
  ];
  const more = ["energy_operator_uj", "energy_idle_uj", "steps", "steps_missed", "lost_events"];
  const busy = ["busy_ns", "busy_attributed_ns", "busy_operator_ns", "unmetered_ns"];
  const last = ["energy_parked_uj", "energy_unmetered_uj"];
  expect(line?.["numbers"]).toEqual(
    [...names, ...more, ...busy, ...last].map((name) => BigInt((fields[name] as number | undefined) ?? 0)),
  );
  expect(line?.["busy_quality"]).toBe(fields["busy_quality"] ?? "elapsed");
  expect(plainly(line?.["reject_detail"], true)).toBe(fields["unmetered_processes"] ?? null);
  expect(plainly(line?.["model"], true)).toBe(fields["parked_models"] ?? null);
}

function expectVoid([line]: readonly Line[], fields: Fields): void {
  expect(plainly(line?.["reject_detail"], false)).toBe(fields["reason"]);
  expect(plainly(line?.["node"], false)).toBe(fields["issued_by"]);
  expect(line?.["started_at"]).toBe(BigInt(fields["issued_at"] as number));
}

const EXPECT = { gpu_time_event: expectEvent, gpu_totals: expectTotals, event_void: expectVoid } as const;

describe("every example goes through every consumer", () => {
  it("and there are some of each record", () => {
    for (const record of RECORDS)
      expect(examples.filter((it) => it.record === record).length).toBeGreaterThan(2);
  });

  it("and of each version of each record", () => {
    const versions = new Set(examples.map(({ record, version }) => `${record}/${version}`));
    for (const { record, version } of schemas) expect(versions).toContain(`${record}/${version}`);
  });

  it.each(examples)("$record $name", ({ record, version, written, fields, id }) => {
    expect(Object.keys(fields)).toEqual(fieldsOf(record, version).map(({ name }) => name));
    const { key, value } = recordWriter(written, record)(fields);
    expect(Buffer.from(key)).toEqual(id);
    expect(Buffer.compare(value, rawRecord(record, fields, {}, version))).toBe(0);
    const { [ID[record]]: decodedId, ...decoded } = recordDecoder(written, record)(value) ?? {};
    const { [ID[record]]: _id, ...others } = fields as Record<string, unknown>;
    expect({ ...decoded }).toEqual(others);
    expect(Buffer.from(decodedId as Uint8Array)).toEqual(id);

    const { stream, lines } = stored(key, value);
    expect(stream.rows("rejected").map((row) => row.reject_code)).toEqual([]);
    expect(stream.account()).toMatchObject({ received: 1, counted: 1 });
    const own = lines.filter(({ kind }) => kind === KIND[record]);
    for (const line of own) expect(line["event_id"]).toEqual(id);
    EXPECT[record](own, fields);
  });
});
