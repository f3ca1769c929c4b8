// CRC-64-AVRO (Rabin) of a schema's parsing canonical form: Avro specification 1.11.1, "Schema Fingerprints".
import type { Schema } from "avsc";
import avro from "avsc";

const EMPTY = 0xc15d213aa4d7a795n;
const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? EMPTY : 0n);
  return value;
});

function rabin(bytes: Uint8Array): bigint {
  let value = EMPTY;
  for (const byte of bytes) value = (value >> 8n) ^ (TABLE[Number((value ^ BigInt(byte)) & 0xffn)] as bigint);
  return value;
}

/** avsc keeps no documentation, defaults or logical types in `schema()`: what is left is the canonical form. */
export function fingerprint(schema: Schema): bigint {
  const canonical = avro.Type.forSchema(schema, { noAnonymousTypes: true }).schema();
  return rabin(new TextEncoder().encode(JSON.stringify(canonical)));
}
