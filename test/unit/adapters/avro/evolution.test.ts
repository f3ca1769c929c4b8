import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import avro from "avsc";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordDecoder, recordWriter } from "../../../../services/adapters/avro/codec.ts";
import { compileEvent } from "../../../../services/adapters/avro/compile.ts";
import { createRecordReader } from "../../../../services/adapters/avro/reader.ts";
import {
  confluentIds,
  type KnownSchema,
  loadSchemas,
  RECORDS,
  type RecordName,
  SCHEMAS_DIRECTORY,
} from "../../../../services/adapters/avro/schemas.ts";
import type { Read, RecordReader } from "../../../../services/domain/event/reader.ts";
import { EventRecord } from "../../../../services/domain/event/record.ts";
import type { EncodedRecord } from "../../../../services/domain/ports/records.ts";
import { makeEvent, makeTotals, makeVoid } from "../../../support/builders/events.ts";

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
}
interface Schema {
  readonly fields: readonly Field[];
  readonly [other: string]: unknown;
}

/** One more field with a default, of any type that Avro has. */
const NEW_FIELDS: readonly Field[] = [
  { name: "region", type: ["null", "string"], default: null },
  { name: "pauses", type: "long", default: 0 },
  { name: "is_spot", type: "boolean", default: false },
  { name: "temperature", type: "double", default: 0 },
  { name: "share", type: "float", default: 0 },
  { name: "digest", type: { type: "fixed", name: "digest", size: 32 }, default: "\0".repeat(32) },
  { name: "blob", type: "bytes", default: "" },
  { name: "tier", type: { type: "enum", name: "tier", symbols: ["a", "b"] }, default: "a" },
  { name: "labels", type: { type: "map", values: "string" }, default: {} },
  { name: "adapters", type: { type: "array", items: ["null", "long", "string"] }, default: [] },
  {
    name: "rack",
    type: {
      type: "record",
      name: "rack",
      fields: [
        { name: "row", type: "int" },
        { name: "name", type: "string" },
      ],
    },
    default: { row: 0, name: "" },
  },
];
const VALUES: Readonly<Record<string, unknown>> = {
  region: "eu-central-1",
  pauses: 1234567,
  is_spot: true,
  temperature: 61.5,
  share: 0.25,
  digest: Buffer.alloc(32, 0xee),
  blob: Buffer.from("any"),
  tier: "b",
  labels: { team: "search", cost: "shared" },
  adapters: [null, 5, "lora-7"],
  rack: { row: 3, name: "north" },
};

const current = loadSchemas();
const versionsOf = (record: RecordName): string[] =>
  current.filter((known) => known.record === record).map(({ version }) => version);
const newestSchema = (record: RecordName): Schema =>
  JSON.parse(
    readFileSync(join(SCHEMAS_DIRECTORY, record, `${versionsOf(record).at(-1)}.avsc`), "utf8"),
  ) as Schema;
const nextVersion = (record: RecordName): string => `v${versionsOf(record).length + 1}`;

const made = {
  gpu_time_event: () => makeEvent(1_000_000, "evolved", { user_id: "u", nvlink_tx_bytes: 7 }),
  gpu_totals: () => makeTotals(1_000_000, "evolved"),
  event_void: () => makeVoid(makeEvent(1_000_000, "evolved").event_id),
} as const satisfies Record<RecordName, () => Record<string, unknown>>;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "schemas-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Copies of the contracts with one more version that has these fields too. */
function evolved(name: string, change: (schema: Schema) => Schema): KnownSchema[] {
  for (const record of RECORDS) {
    const folder = join(directory, name, record);
    mkdirSync(folder, { recursive: true });
    for (const version of versionsOf(record)) {
      copyFileSync(join(SCHEMAS_DIRECTORY, record, `${version}.avsc`), join(folder, `${version}.avsc`));
    }
    const next = join(folder, `${nextVersion(record)}.avsc`);
    writeFileSync(next, JSON.stringify(change(newestSchema(record))));
  }
  return loadSchemas(join(directory, name));
}
const withFields =
  (fields: readonly Field[], at?: number) =>
  (schema: Schema): Schema => ({
    ...schema,
    fields: schema.fields.toSpliced(at ?? schema.fields.length, 0, ...fields),
  });

const readers = new Map<readonly KnownSchema[], RecordReader>();
function readerOf(schemas: readonly KnownSchema[]): RecordReader {
  const reader = readers.get(schemas) ?? createRecordReader({ schemas });
  readers.set(schemas, reader);
  return reader;
}

/** What a consumer with these schemas makes of a value: the answer, and an event's contents. */
function read(
  schemas: readonly KnownSchema[],
  { value }: EncodedRecord,
): Read & { readonly contents?: unknown } {
  const event = new EventRecord();
  const bytes = Uint8Array.from(value);
  const answer = readerOf(schemas).read(bytes, new DataView(bytes.buffer), 0, bytes.length, event);
  if (answer.type !== "event") return answer;
  const texts = [...event.starts].map((start, i) => {
    const length = event.lengths[i] ?? 0;
    return length === -1 ? null : Buffer.from(bytes.subarray(start, start + length)).toString();
  });
  const id = Buffer.from(bytes.subarray(event.id, event.id + 16)).toString("hex");
  return { ...answer, contents: [id, ...event.numbers, ...texts] };
}

const older = (record: RecordName): EncodedRecord => recordWriter(current, record)(made[record]());

describe.each(RECORDS)("%s", (record) => {
  it.each(NEW_FIELDS)(
    "of a next version with $name is read by this code, and of this version beside it",
    (field) => {
      const schemas = evolved(`${record}-${field.name}`, withFields([field]));
      expect(schemas.filter((known) => known.record === record).map(({ version }) => version)).toEqual([
        ...versionsOf(record),
        nextVersion(record),
      ]);
      const newer = recordWriter(schemas, record)({ ...made[record](), [field.name]: VALUES[field.name] });
      const expected = read(current, older(record));
      expect(expected.type).not.toBe("unreadable");
      // the next version on the wire, this one in the code
      expect(read(schemas, newer)).toEqual(expected);
      // this version on the wire, the next is the newest
      expect(read(schemas, older(record))).toEqual(expected);
      // a consumer that was not given the next version says so
      expect(read(current, newer)).toMatchObject({ type: "unreadable", code: "RECORD_UNKNOWN_SCHEMA" });
    },
  );

  it("of this version is read by the next one's code, which takes the default of what is new", () => {
    const schemas = evolved(`${record}-reader`, withFields(NEW_FIELDS));
    const newest = schemas.findLast((known) => known.record === record);
    const type = avro.Type.forSchema(newest?.schema ?? "null");
    const resolver = type.createResolver(
      avro.Type.forSchema(current.findLast((it) => it.record === record)?.schema ?? "null"),
    );
    const decoded = type.fromBuffer(Buffer.from(older(record).value.subarray(10)), resolver) as Record<
      string,
      unknown
    >;
    const defaults = {
      region: null,
      pauses: 0,
      is_spot: false,
      tier: "a",
      labels: {},
      adapters: [],
      rack: { row: 0, name: "" },
    };
    expect(JSON.parse(JSON.stringify(decoded))).toMatchObject(
      JSON.parse(JSON.stringify({ ...made[record](), ...defaults })),
    );
    // and this house's own decoder of objects reads what its writer of the next version wrote
    const written = recordWriter(schemas, record)({ ...made[record](), ...VALUES });
    expect(recordDecoder(schemas, record)(written.value)).toMatchObject({
      region: "eu-central-1",
      pauses: 1234567,
    });
  });

  it("of a next version with a new field in front and all new fields behind is read too", () => {
    const schemas = evolved(`${record}-front`, (schema) =>
      withFields(NEW_FIELDS.slice(1))(withFields(NEW_FIELDS.slice(0, 1), 0)(schema)),
    );
    const newer = recordWriter(schemas, record)({ ...made[record](), ...VALUES });
    expect(read(schemas, newer)).toEqual(read(current, older(record)));
  });

  it("of a next version that is cut in its new field is no record", () => {
    const schemas = evolved(`${record}-cut`, withFields(NEW_FIELDS));
    const { key, value } = recordWriter(schemas, record)({ ...made[record](), ...VALUES });
    const whole = older(record).value.length;
    for (let end = whole; end < value.length; end++) {
      expect(read(schemas, { key, value: value.subarray(0, end) }).type).toBe("unreadable");
    }
  });
});

describe("an event of version 1", () => {
  const v1 = current.filter(({ version }) => version === "v1");
  it.each([
    [null, "elapsed"],
    [0, "sampled"],
    [100_000_000, "sampled"],
  ] as const)("with busy time %s is of quality %s", (gpu_busy_ns, busy_quality) => {
    const fields = makeEvent(1_000_000, "old", { gpu_busy_ns });
    const { busy_quality: _unsaid, ...unsaid } = fields;
    const old = recordWriter(v1, "gpu_time_event")(unsaid);
    const said = recordWriter(current, "gpu_time_event")({ ...fields, busy_quality });
    expect(read(current, old)).toEqual(read(current, said));
  });
});

describe("totals of version 1", () => {
  it("have no busy time, and no word of who else used the card", () => {
    const v1 = current.filter(({ version }) => version === "v1");
    const old = recordWriter(v1, "gpu_totals")(makeTotals(1_000_000, "old"));
    expect(read(current, old)).toMatchObject({
      type: "totals",
      totals: {
        steps: 1_200,
        busy_ns: null,
        unmetered_ns: null,
        busy_quality: 0,
        unmetered_processes: null,
        energy_parked_uj: null,
        parked_models: null,
      },
    });
  });
});

describe("a writer's schema of an event", () => {
  const schema = newestSchema("gpu_time_event");
  const changed = (name: string, type: unknown): Schema => ({
    ...schema,
    fields: schema.fields.map((field) => (field.name === name ? { name, type } : field)),
  });
  const without = (...names: readonly string[]): Schema => ({
    ...schema,
    fields: schema.fields.filter(({ name }) => !names.includes(name)),
  });
  const compiled = (writer: Schema) => () => compileEvent(writer as never);
  const withNext = (writer: Schema): KnownSchema[] => {
    const base = current.filter((known) => known.record === "gpu_time_event");
    return [
      ...base,
      { record: "gpu_time_event", version: "v3", schema: writer as never, reader: schema as never },
    ];
  };
  const contentsOf = (writer: Schema, fields: Record<string, unknown>): unknown => {
    const schemas = withNext(writer);
    return read(schemas, recordWriter(schemas, "gpu_time_event")(fields));
  };

  it("may lack what may be null", () => {
    const gone = ["user_id", "container_id", "mig_profile", "gpu_busy_ns", "energy_uj", "nvlink_rx_bytes"];
    const nulls = Object.fromEntries(gone.map((name) => [name, null]));
    const fields = { ...made.gpu_time_event(), ...nulls };
    expect(contentsOf(without(...gone), fields)).toEqual(contentsOf(schema, fields));
  });

  it("may write narrower and more or less optional types, in another order", () => {
    const fields = made.gpu_time_event();
    const expected = contentsOf(schema, fields);
    expect(contentsOf(changed("tokens_in", "int"), fields)).toEqual(expected);
    expect(contentsOf(changed("user_id", "string"), fields)).toEqual(expected);
    expect(contentsOf(changed("user_id", ["string", "null"]), fields)).toEqual(expected);
    expect(contentsOf(changed("tokens_out", ["null", "long"]), fields)).toEqual(expected);
    expect(contentsOf({ ...schema, fields: schema.fields.toReversed() }, fields)).toEqual(expected);
    expect(
      contentsOf(
        changed("phase", { type: "enum", name: "phase", symbols: ["inference", "warmup", "load"] }),
        fields,
      ),
    ).toEqual(expected);
  });

  it("makes a null malformed where a value must be, and a symbol that this code does not know", () => {
    const fields = made.gpu_time_event();
    const malformed = { type: "unreadable", code: "RECORD_MALFORMED" };
    expect(
      contentsOf(changed("tokens_out", ["null", "long"]), { ...fields, tokens_out: null }),
    ).toMatchObject(malformed);
    const phase = { type: "enum", name: "phase", symbols: ["load", "warmup", "inference", "training"] };
    expect(contentsOf(changed("phase", phase), { ...fields, phase: "training" })).toMatchObject(malformed);
    expect(contentsOf(changed("phase", phase), fields)).toMatchObject({ type: "event" });
  });

  it.each([
    ["no event_id", without("event_id"), "event_id"],
    ["no tenant", without("tenant_id"), "tenant_id"],
    ["no end", without("ended_at"), "ended_at"],
    ["an id of 8 bytes", changed("event_id", { type: "fixed", name: "event_id", size: 8 }), "event_id"],
    ["GPU time as a double", changed("gpu_time_ns", "double"), "gpu_time_ns"],
    ["a model as bytes", changed("model", "bytes"), "model"],
    ["an outcome as text", changed("outcome", "string"), "outcome"],
  ])("with %s is refused when it is loaded", (_what, writer, name) => {
    expect(compiled(writer)).toThrow(name);
  });
});

describe("the folder of schemas", () => {
  it("is refused by the name of the file that is missing or no JSON", () => {
    expect(() => loadSchemas(join(directory, "nowhere"))).toThrow("v3.avsc");
    evolved("broken", (schema) => schema);
    const file = join(directory, "broken", "gpu_totals", `${nextVersion("gpu_totals")}.avsc`);
    writeFileSync(file, "{");
    expect(() => loadSchemas(join(directory, "broken"))).toThrow(file);
  });

  it("is read in order of versions, not of names", () => {
    evolved("many", (schema) => schema);
    const folder = join(directory, "many", "event_void");
    copyFileSync(join(folder, "v1.avsc"), join(folder, "v10.avsc"));
    writeFileSync(join(folder, "notes.txt"), "");
    const versions = loadSchemas(join(directory, "many")).filter(({ record }) => record === "event_void");
    expect(versions.map(({ version }) => version)).toEqual(["v1", "v2", "v3", "v10"]);
  });

  it("is named by a registry's ids", () => {
    expect(confluentIds(["1=gpu_time_event/v1", "27=gpu_totals/v2"])).toEqual(
      new Map([
        [1, "gpu_time_event/v1"],
        [27, "gpu_totals/v2"],
      ]),
    );
    for (const line of ["1", "x=gpu_time_event/v1", "1=gpu_time_event", "1=gpu_time_event/1"]) {
      expect(confluentIds([line])).toBeUndefined();
    }
  });
});
