import { EVENT_TEXT_FIELDS, type EventFields, QUANTITY_FIELDS } from "../../domain/closing/logged-event.ts";
import { type HashPayload, hashNumber, unkeyedHash } from "../../domain/event/payload-hash.ts";
import {
  type EnumField,
  NULLABLE_TEXTS,
  PROOFS,
  type TextField,
  unsaidBusyQuality,
} from "../../domain/event/record.ts";
import { recordWriter } from "./codec.ts";
import type { KnownSchema } from "./schemas.ts";

const HEADER_BYTES = 10;
const NULLABLE: ReadonlySet<TextField | EnumField> = NULLABLE_TEXTS;

/**
 * The payload hashes that an event with these values can have come with: it is written in each version of the schema that can
 * say them, and the body is hashed as it was when it came. The header before it makes no difference. None where no event has
 * such values. A producer that writes numbers longer than they need be, which Avro does not do, hashes otherwise.
 */
export function eventHasher(
  schemas: readonly KnownSchema[],
  hashPayload: HashPayload,
): (event_id: string, fields: EventFields, isKeyed: boolean) => readonly bigint[] {
  const versions = schemas
    .filter(({ record }) => record === "gpu_time_event")
    .map((schema) => ({
      saysQuality: hasField(schema, "busy_quality"),
      proofs: Object.keys(PROOFS).filter((name) => hasField(schema, name)).length,
      write: writerOf(schema),
    }));
  return (event_id, fields, isKeyed) => {
    const hash = isKeyed ? hashPayload : unkeyedHash;
    const isUnsaid = fields.busy_quality === unsaidBusyQuality(fields.gpu_busy_ns !== null);
    const values = valuesOf(event_id, fields);
    return versions.flatMap(({ saysQuality, proofs, write }) => {
      // an event that says nothing of its quality is logged with the one that is assumed
      if (!saysQuality && !isUnsaid) return [];
      const value = write(values);
      // without proofs, which are not hashed, each is the one byte of its union's null
      return value === null ? [] : [hashOf(value.subarray(0, value.length - proofs), hash)];
    });
  };
}

const hasField = ({ schema }: KnownSchema, name: string): boolean =>
  (schema as { fields?: readonly { name: string }[] }).fields?.some((field) => field.name === name) ?? false;

/** Null for values that the schema cannot hold. */
function writerOf(schema: KnownSchema): (values: Readonly<Record<string, unknown>>) => Uint8Array | null {
  const write = recordWriter([schema], "gpu_time_event");
  return (values) => {
    try {
      return write(values).value;
    } catch {
      return null;
    }
  };
}

function valuesOf(event_id: string, fields: EventFields): Record<string, unknown> {
  const values: Record<string, unknown> = { event_id: Buffer.from(event_id, "hex") };
  for (const name of EVENT_TEXT_FIELDS) {
    values[name] = fields[name] === "" && NULLABLE.has(name) ? null : fields[name];
  }
  for (const name of QUANTITY_FIELDS) values[name] = fields[name] === null ? null : Number(fields[name]);
  return values;
}

function hashOf(value: Uint8Array, hash: HashPayload): bigint {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return hashNumber(hash(view, HEADER_BYTES, value.length));
}
