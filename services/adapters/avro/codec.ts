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

/** A function that reads a value of this record's newest schema as an object; undefined for anything else. */
export function recordDecoder(
  schemas: readonly KnownSchema[],
  record: RecordName,
): (value: Uint8Array) => Record<string, unknown> | undefined {
  const { type, header } = newest(schemas, record);
  return (value) => {
    if (Buffer.compare(value.subarray(0, header.length), header) !== 0) return undefined;
    return type.fromBuffer(Buffer.from(value.slice(header.length))) as Record<string, unknown>;
  };
}

function newest(schemas: readonly KnownSchema[], record: RecordName): { type: Type; header: Buffer } {
  const known = schemas.filter((schema) => schema.record === record).at(-1);
  if (known === undefined) throw new Error(`no schema of ${record}`);
  const header = Buffer.alloc(10);
  header.writeUInt16BE(0xc301);
  header.writeBigUInt64LE(fingerprint(known.schema), 2);
  return { type: avro.Type.forSchema(known.schema), header };
}
