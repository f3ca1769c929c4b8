// Records as objects, to and from Avro's single-object encoding: for the few that are made or looked at one by one.
import type { Type } from "avsc";
import avro from "avsc";
import type { EncodedRecord } from "../../domain/ports/records.ts";
import { fingerprint } from "./fingerprint.ts";
import type { KnownSchema, RecordName } from "./schemas.ts";

/**
 * A function that encodes a record of the newest version among `schemas`.
 * @throws Error from avsc that names the first field that does not fit
 */
export function recordWriter(
  schemas: readonly KnownSchema[],
  record: RecordName,
): (fields: Readonly<Record<string, unknown>>) => EncodedRecord {
  const { type, header } = newest(schemas, record);
  const id = record === "gpu_totals" ? "totals_id" : "event_id";
  return (fields) => ({
    key: fields[id] as Uint8Array,
    value: Buffer.concat([header, type.toBuffer(fields)]),
  });
}

/** A function that reads a value of this record, in any version, as an object with that version's fields; undefined for anything else. */
export function recordDecoder(
  schemas: readonly KnownSchema[],
  record: RecordName,
): (value: Uint8Array) => Record<string, unknown> | undefined {
  const versions = schemas.filter((schema) => schema.record === record).map(codecOf);
  return (value) => {
    const isOf = ({ header }: Codec) => Buffer.compare(value.subarray(0, header.length), header) === 0;
    const found = versions.find(isOf);
    if (found === undefined) return undefined;
    const { type, header } = found;
    return type.fromBuffer(Buffer.from(value.slice(header.length))) as Record<string, unknown>;
  };
}

interface Codec {
  readonly type: Type;
  readonly header: Buffer;
}

function newest(schemas: readonly KnownSchema[], record: RecordName): Codec {
  const known = schemas.filter((schema) => schema.record === record).at(-1);
  if (known === undefined) throw new Error(`no schema of ${record}`);
  return codecOf(known);
}

function codecOf(known: KnownSchema): Codec {
  const header = Buffer.alloc(10);
  header.writeUInt16BE(0xc301);
  header.writeBigUInt64LE(fingerprint(known.schema), 2);
  return { type: avro.Type.forSchema(known.schema), header };
}
