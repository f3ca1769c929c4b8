import { EVENT_TEXT_FIELDS, type EventFields, QUANTITY_FIELDS } from "../../domain/closing/logged-event.ts";
import { hash, hashPayload } from "../../domain/event/payload-hash.ts";
import type { EnumField, TextField } from "../../domain/event/record.ts";
import { NULLABLE_TEXTS } from "../../domain/event/record.ts";
import { recordWriter } from "./codec.ts";
import type { KnownSchema } from "./schemas.ts";

const HEADER_BYTES = 10;
const NULLABLE: ReadonlySet<TextField | EnumField> = NULLABLE_TEXTS;

/**
 * The payload hash of an event with these values: they are written as the first version of the schema, which has a field for
 * each column of the log, and the body is hashed as it was when it came. The header before it makes no difference. Null where
 * no event has such values. A producer that writes numbers longer than they need be, which Avro does not do, hashes otherwise.
 */
export function eventHasher(
  schemas: readonly KnownSchema[],
): (event_id: string, fields: EventFields) => bigint | null {
  const write = recordWriter(
    schemas.filter(({ version }) => version === "v1"),
    "gpu_time_event",
  );
  return (event_id, fields) => {
    const values: Record<string, unknown> = { event_id: Buffer.from(event_id, "hex") };
    for (const name of EVENT_TEXT_FIELDS) {
      values[name] = fields[name] === "" && NULLABLE.has(name) ? null : fields[name];
    }
    for (const name of QUANTITY_FIELDS) values[name] = fields[name] === null ? null : Number(fields[name]);
    let value: Uint8Array;
    try {
      value = write(values).value;
    } catch {
      return null;
    }
    hashPayload(new DataView(value.buffer, value.byteOffset, value.length), HEADER_BYTES, value.length);
    return (BigInt(hash.high) << 32n) | BigInt(hash.low);
  };
}
