// Avro written by hand from the specification, byte by byte: what a careful encoder refuses to write can be written here.
import { loadSchemas, type RecordName } from "../../../services/adapters/avro/schemas.ts";
import { PROOFS } from "../../../services/domain/event/record.ts";

/** CRC-64-AVRO of every version of the three contracts as fastavro prints them, big endian; the newest is last. */
export const FINGERPRINTS: Readonly<Record<RecordName, Readonly<Record<string, string>>>> = {
  gpu_time_event: { v1: "6d0f1c65880465ac", v2: "42c38859988f7d7c", v3: "875cc1e7f6a62398" },
  gpu_totals: { v1: "8beaa3e89814cdaf", v2: "d764f010f8b0e394" },
  event_void: { v1: "80c74050d7b8debe", v2: "c4f4f39f1a233ab1" },
};
const newest = (record: RecordName): string => Object.keys(FINGERPRINTS[record]).at(-1) ?? "v1";

type AvroType =
  | string
  | readonly AvroType[]
  | { readonly type: AvroType; readonly symbols?: readonly string[] };
export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
}

/** Of a version, or of the newest. */
export function fieldsOf(record: RecordName, version: string = newest(record)): readonly AvroField[] {
  const known = loadSchemas().find((schema) => schema.record === record && schema.version === version);
  if (known === undefined) throw new Error(`no schema of ${record}`);
  return (known.schema as unknown as { fields: readonly AvroField[] }).fields;
}

/** Zigzag varint of any whole number. */
export function long(value: number | bigint): Buffer {
  const whole = BigInt(value);
  let rest = whole < 0n ? -2n * whole - 1n : 2n * whole;
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([long(bytes.length), bytes]);
}

function encoded(type: AvroType, value: unknown): Buffer {
  if (Array.isArray(type)) {
    const branches = type as readonly AvroType[];
    const branch = branches.findIndex((it) => (value === null) === (it === "null"));
    return value === null
      ? long(branch)
      : Buffer.concat([long(branch), encoded(branches[branch] as AvroType, value)]);
  }
  const plain = type as Exclude<AvroType, readonly AvroType[]>;
  const base = typeof plain === "string" ? plain : plain.type;
  if (typeof plain !== "string" && base === "enum") return long(plain.symbols?.indexOf(String(value)) ?? -1);
  if (base === "fixed") return Buffer.from(value as Uint8Array);
  if (base === "string") return text(value as string | Uint8Array);
  if (base === "int" || base === "long") return long(value as number | bigint);
  throw new Error(`no encoding for ${JSON.stringify(type)}`);
}

/** Proofs are absent where nothing is said of them. */
const fieldValue = (name: string, fields: Readonly<Record<string, unknown>>): unknown =>
  name in PROOFS ? (fields[name] ?? null) : fields[name];

/** The body field by field; `raw` gives bytes to write instead of a field's value. */
export function rawBody(
  record: RecordName,
  fields: Readonly<Record<string, unknown>>,
  raw: Readonly<Record<string, Uint8Array>> = {},
  version: string = newest(record),
): Buffer {
  return Buffer.concat(
    fieldsOf(record, version).map(({ name, type }) => raw[name] ?? encoded(type, fieldValue(name, fields))),
  );
}

export function singleObject(record: RecordName, body: Uint8Array, version: string = newest(record)): Buffer {
  const fingerprint = Buffer.from(FINGERPRINTS[record][version] ?? "", "hex").reverse();
  return Buffer.concat([Buffer.from([0xc3, 0x01]), fingerprint, body]);
}

export const rawRecord = (...[record, fields, raw, version]: Parameters<typeof rawBody>): Buffer =>
  singleObject(record, rawBody(record, fields, raw, version), version);
