// Records that are not counted: the account of their partition, their rows, and what is wrong with a key.

import type { Fault, RejectCode } from "../event/codes.ts";
import { ID_BYTES, sameBytes } from "../event/id.ts";
import type { PayloadHash } from "../event/payload-hash.ts";
import type { EventRecord } from "../event/record.ts";
import { hourStart } from "../time/hour.ts";
import type { Block, PartitionBatch } from "./block.ts";
import { type EventKeys, isFault } from "./event-keys.ts";
import { eventHour, eventRejectHour } from "./event-rows.ts";
import { type RejectContext, rejectRow } from "./other-rows.ts";
import type { KafkaRecord } from "./record-run.ts";

export function keyFault(record: KafkaRecord, id: Uint8Array, at: number): Fault | undefined {
  const { bytes, keyStart, keyLength } = record;
  if (keyLength <= 0) return { code: "RECORD_KEY_MISSING", detail: "no key" };
  if (keyLength !== ID_BYTES || !sameBytes(bytes, keyStart, id, at, ID_BYTES)) {
    return { code: "RECORD_KEY_MISMATCH", detail: `key of ${keyLength} bytes` };
  }
  return undefined;
}

export function reject(block: Block, batch: PartitionBatch, record: KafkaRecord, fault: Fault): void {
  batch.rejected++;
  addReject(block, batch, record, fault, {});
}

/**
 * Counts the reject in its tenant's window of the hour too. Not where the times give no hour, nor where a text is not clean and
 * so in no dictionary.
 */
export function rejectEvent(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  event: EventRecord,
  fault: Fault,
): void {
  const hour = eventRejectHour(event, record.ingestedAtMs);
  const keys = hour === undefined ? fault : block.intern(event);
  if (hour === undefined || isFault(keys)) {
    reject(block, batch, record, fault);
    return;
  }
  batch.rejected++;
  block.count(keys, hour, "rejected");
  addReject(block, batch, record, fault, { ...keyColumns(keys), hour: hourStart(hour) });
}

/** Another event with the same id was counted before. */
export function addEventConflict(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  event: EventRecord,
  keys: EventKeys,
  hash: PayloadHash,
): void {
  const hour = eventHour(event);
  batch.conflicts++;
  block.count(keys, hour, "conflicts");
  addReject(block, batch, record, conflictWith("an event"), {
    ...keyColumns(keys),
    hour: hourStart(hour),
    event_id: event.bytes.slice(event.id, event.id + ID_BYTES),
    payload_hash_words: [hash.low, hash.high, hash.upperLow, hash.upperHigh],
  });
}

/** Another totals record, or another void, with the same id was counted before. */
export function addConflict(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  space: "totals" | "void",
  id: Uint8Array,
): void {
  batch.conflicts++;
  addReject(block, batch, record, conflictWith(`a ${space} record`), { event_id: id.slice() });
}

const conflictWith = (first: string): Fault => ({
  code: "EVENT_CONFLICT" satisfies RejectCode,
  detail: `${first} with this id was counted before`,
});

function addReject(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  fault: Fault,
  context: RejectContext,
): void {
  const bytes = Math.max(0, record.keyLength) + Math.max(0, record.valueLength);
  block.addRow(rejectRow(block, batch.partition, record, fault, context), bytes);
}

function keyColumns({ window }: EventKeys): RejectContext {
  const { tenant, project, model, gpuModel } = window;
  return { tenant_id: tenant, project_id: project, model, gpu_model: gpuModel };
}
