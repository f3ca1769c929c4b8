// Records in Avro's single-object encoding, with the key that brings copies into one partition.
import avro from "avsc";
import { fingerprint } from "./fingerprint.ts";
import type { KnownSchema, RecordName } from "./schemas.ts";

export interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * A function that encodes a record of the newest version among `schemas`.
 * @throws Error from avsc that names the first field that does not fit
 */
export function recordWriter(
  schemas: readonly KnownSchema[],
  record: RecordName,
): (fields: Readonly<Record<string, unknown>>) => EncodedRecord {
  const known = schemas.filter((schema) => schema.record === record).at(-1);
  if (known === undefined) throw new Error(`no schema of ${record}`);
  const type = avro.Type.forSchema(known.schema);
  const header = Buffer.alloc(10);
  header.writeUInt16BE(0xc301);
  header.writeBigUInt64LE(fingerprint(known.schema), 2);
  const id = record === "gpu_totals" ? "totals_id" : "event_id";
  return (fields) => ({
    key: fields[id] as Uint8Array,
    value: Buffer.concat([header, type.toBuffer(fields)]),
  });
}
