// The corrected event that stands for a voided one.
import type { Static } from "typebox";
import { recordWriter } from "../../adapters/avro/codec.ts";
import { createRecordReader } from "../../adapters/avro/reader.ts";
import { loadSchemas } from "../../adapters/avro/schemas.ts";
import type { Changes } from "../../api/schemas.ts";
import { fieldsWith } from "../../domain/event/fields.ts";
import { EventRecord, NULLABLE_TEXTS } from "../../domain/event/record.ts";
import { validateEvent } from "../../domain/event/validate.ts";
import type { StoredEvent } from "../../domain/ports/pricing.ts";

export interface EncodedEvent {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type Successor =
  | { readonly ok: true; readonly event_id: string; readonly record: EncodedEvent }
  | { readonly ok: false; readonly problem: string };

const schemas = loadSchemas();
const encodeEvent = recordWriter(schemas, "gpu_time_event");
const encodeVoid = recordWriter(schemas, "event_void");
const reader = createRecordReader({ schemas });

/** What the API carries as texts. */
const QUANTITIES = [...fieldsWith({ kind: "time" }), ...fieldsWith({ kind: "uint64" })];

/**
 * The event with changes and an id of its own, which is the same for the same event and changes. It is read and validated
 * as the processor will, so that no order is sent whose successor would be rejected.
 */
export function successorOf(
  event: StoredEvent,
  changes: Static<typeof Changes>,
  hash: (text: string) => string,
  age: { readonly nowMs: number; readonly ageMsMax: number },
): Successor {
  const seed = hash(JSON.stringify(["meterhouse-successor/1", event.id, Object.entries(changes).sort()]));
  const event_id = idLike(event.id, seed);
  const merged: Record<string, unknown> = { ...event, ...changes, event_id: Buffer.from(event_id, "hex") };
  for (const name of QUANTITIES) {
    if (typeof merged[name] === "string") merged[name] = Number(merged[name]);
  }
  // The log keeps an absent text as an empty one.
  for (const name of NULLABLE_TEXTS) merged[name] ||= null;
  const record = encodeEvent(merged);
  const problem = rejection(record.value, age);
  return problem === null ? { ok: true, event_id, record } : { ok: false, problem };
}

/** The order that takes an event out. */
export function voidOrder(order: {
  event_id: string;
  reason: string;
  issued_by: string;
  issuedAtMs: number;
}): EncodedEvent {
  const { reason, issued_by, issuedAtMs } = order;
  return encodeVoid({
    event_id: Buffer.from(order.event_id, "hex"),
    reason,
    issued_by,
    issued_at: issuedAtMs * 1000,
  });
}

/** Why the processor would reject it; null if it would not. */
function rejection(
  value: Uint8Array,
  { nowMs, ageMsMax }: { nowMs: number; ageMsMax: number },
): string | null {
  const event = new EventRecord();
  const bytes = Uint8Array.from(value);
  const read = reader.read(bytes, new DataView(bytes.buffer), 0, bytes.length, event);
  if (read.type === "unreadable") return `${read.code}: ${read.detail}`;
  const fault = validateEvent(event, nowMs, { age_max_ms: ageMsMax });
  return fault === undefined ? null : `${fault.code}: ${fault.detail}`;
}

/** The id's time with other bits: a UUIDv7 that belongs to the same hour. */
function idLike(id: string, seed: string): string {
  const time = id.slice(0, 12);
  const variant = "89ab"[Number.parseInt(seed.slice(3, 4), 16) & 3] ?? "8";
  return `${time}7${seed.slice(0, 3)}${variant}${seed.slice(4, 19)}`;
}
