// The corrected event that stands for a voided one.

import type { EventChanges } from "../../domain/event/changes.ts";
import { fieldsWith } from "../../domain/event/fields.ts";
import { NULLABLE_TEXTS } from "../../domain/event/record.ts";
import type { EncodedRecord, RecordCodec, StoredEvent } from "../../domain/ports/records.ts";
import type { MacOf } from "../../domain/trust/corrections.ts";

export type Successor =
  | { readonly ok: true; readonly event_id: string; readonly record: EncodedRecord }
  | { readonly ok: false; readonly problem: string };

interface SuccessorParts {
  readonly codec: RecordCodec;
  readonly macOf: MacOf | null;
  readonly hash: (text: string) => string;
}

/** What the API carries as texts. */
const QUANTITIES = [...fieldsWith({ kind: "time" }), ...fieldsWith({ kind: "uint64" })];

/**
 * The event with changes and an id of its own, which is the same for the same event and changes. It is read and validated
 * as the processor will, so that no order is sent whose successor would be rejected.
 */
export function successorOf(
  event: StoredEvent,
  changes: EventChanges,
  { codec, macOf, hash }: SuccessorParts,
  age: { readonly nowMs: number; readonly ageMsMax: number },
): Successor {
  const seed = hash(JSON.stringify(["meterhouse-successor/1", event.id, Object.entries(changes).sort()]));
  const event_id = idLike(event.id, seed);
  const merged: Record<string, unknown> = {
    ...event,
    ...changes,
    ...busyOf(event, changes),
    event_id: eventIdBytes(event_id),
  };
  for (const name of QUANTITIES) {
    if (typeof merged[name] === "string") merged[name] = Number(merged[name]);
  }
  // The log keeps an absent text as an empty one.
  for (const name of NULLABLE_TEXTS) merged[name] ||= null;
  const record = codec.encodeSuccessor(merged, macOf);
  const problem = codec.rejection(record.value, age);
  return problem === null ? { ok: true, event_id, record } : { ok: false, problem };
}

/** What follows for busy time where the changes do not say it: elapsed busy time is GPU time, and none is elapsed. */
function busyOf(event: StoredEvent, changes: EventChanges): EventChanges {
  if (changes.busy_quality !== undefined) return {};
  if (changes.gpu_busy_ns === null) return { busy_quality: "elapsed" };
  const { gpu_time_ns } = changes;
  const isCopied = event.busy_quality === "elapsed" && event.gpu_busy_ns !== null;
  return isCopied && gpu_time_ns !== undefined && changes.gpu_busy_ns === undefined
    ? { gpu_busy_ns: gpu_time_ns }
    : {};
}

export const eventIdBytes = (event_id: string): Uint8Array => Buffer.from(event_id, "hex");

/** The id's time with other bits: a UUIDv7 that belongs to the same hour. */
function idLike(id: string, seed: string): string {
  const time = id.slice(0, 12);
  const variant = "89ab"[Number.parseInt(seed.slice(3, 4), 16) & 3] ?? "8";
  return `${time}7${seed.slice(0, 3)}${variant}${seed.slice(4, 19)}`;
}
