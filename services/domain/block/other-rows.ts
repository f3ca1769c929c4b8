// The rows of a block that are not events.

import type { Fault } from "../event/codes.ts";
import { idHour } from "../event/id.ts";
import type { PayloadHash } from "../event/payload-hash.ts";
import type { EventVoid, GpuTotals } from "../event/reader.ts";
import { hourOf, hourStart } from "../time/hour.ts";
import { firstHour } from "../window/split.ts";
import type { Block, PartitionBatch } from "./block.ts";
import type { Row } from "./columns.ts";
import { copyOf, type KafkaRecord } from "./record-run.ts";
import { utf8 } from "./utf8.ts";

/** Enum8 values of energy_quality: 0 is "unknown". */
const ENERGY_COUNTER = 1;

/** What could be read of a record that is rejected all the same. */
export type RejectContext = Partial<
  Pick<Row, "tenant_id" | "project_id" | "model" | "gpu_model" | "hour" | "event_id" | "payload_hash_words">
>;

/** Copies the bytes: the record's own lie in a fetch that would otherwise be kept alive whole. */
export function rejectRow(
  block: Block,
  partition: number,
  record: KafkaRecord,
  fault: Fault,
  context: RejectContext,
): Row {
  block.rejects.set(fault.code, (block.rejects.get(fault.code) ?? 0) + 1);
  return {
    kind: "rejected",
    kafka_partition: partition,
    kafka_offset: record.offset,
    ingested_at: record.ingestedAtMs,
    ...context,
    reject_code: block.position("reject_code", utf8(fault.code)),
    reject_detail: utf8(fault.detail),
    record_key: copyOf(record.bytes, record.keyStart, record.keyLength),
    raw: copyOf(record.bytes, record.valueStart, record.valueLength),
  };
}

export function totalsRow(
  block: Block,
  partition: number,
  record: KafkaRecord,
  totals: GpuTotals,
  hash: PayloadHash,
): Row {
  return {
    kind: "totals",
    kafka_partition: partition,
    kafka_offset: record.offset,
    ingested_at: record.ingestedAtMs,
    hour: hourStart(firstHour(totals.started_at)),
    event_id: totals.totals_id.slice(),
    payload_hash_words: [hash.low, hash.high, hash.upperLow, hash.upperHigh],
    home: 1,
    node: block.position("node", utf8(totals.node)),
    container_id: block.position("container_id", utf8(totals.container_id ?? "")),
    gpu_uuid: block.position("gpu_uuid", utf8(totals.gpu_uuid)),
    gpu_model: block.position("gpu_model", utf8(totals.gpu_model)),
    mig_profile: block.position("mig_profile", utf8(totals.mig_profile ?? "")),
    sharing: totals.sharing + 1,
    rank: totals.rank,
    started_at: totals.started_at,
    ended_at: totals.ended_at,
    ...(totals.energy_uj === null ? {} : { energy_uj: totals.energy_uj, energy_quality: ENERGY_COUNTER }),
    numbers: [
      totals.wall_time_ns,
      totals.attributed_ns,
      totals.operator_ns,
      totals.idle_ns,
      totals.unattributed_ns,
      totals.energy_attributed_uj ?? 0,
      totals.energy_operator_uj ?? 0,
      totals.energy_idle_uj ?? 0,
      totals.steps,
      totals.steps_missed,
      totals.lost_events,
      totals.busy_ns ?? 0,
      totals.busy_attributed_ns ?? 0,
      totals.busy_operator_ns ?? 0,
      totals.unmetered_ns ?? 0,
      totals.energy_parked_uj ?? 0,
      totals.energy_unmetered_uj ?? 0,
    ].map(BigInt),
    busy_quality: totals.busy_quality + 1,
    // what the views call unmetered_processes and parked_models
    reject_detail: utf8(totals.unmetered_processes ?? ""),
    // a list in a column of dictionaries: it is the same in nearly all totals of a card
    model: block.position("model", utf8(totals.parked_models ?? "")),
    probe_version: block.position("probe_version", utf8(totals.probe_version)),
  };
}

export function voidRow(
  block: Block,
  partition: number,
  record: KafkaRecord,
  order: EventVoid,
  hash: PayloadHash,
): Row {
  return {
    kind: "void",
    kafka_partition: partition,
    kafka_offset: record.offset,
    ingested_at: record.ingestedAtMs,
    hour: hourStart(idHour(order.event_id, 0)),
    event_id: order.event_id.slice(),
    payload_hash_words: [hash.low, hash.high, hash.upperLow, hash.upperHigh],
    home: 1,
    tenant_id: block.position("tenant_id", utf8(order.tenant_id ?? "")),
    node: block.position("node", utf8(order.issued_by)),
    started_at: order.issued_at,
    reject_detail: utf8(order.reason),
  };
}

/** Window and batch rows, once every record of the block is in. `epochs` by partition. */
export function closingRows(block: Block, epochs: ReadonlyMap<number, number>): Row[] {
  const batches = [...block.partitions.values()];
  const anchor = batches[0];
  if (anchor === undefined) return [];
  const windows: Row[] = block.windows.windows().map((window) => ({
    kind: "window",
    kafka_partition: anchor.partition,
    kafka_offset: anchor.lastOffset,
    ingested_at: anchor.ingestedAtMs,
    hour: hourStart(window.hour),
    tenant_id: window.tenant,
    project_id: window.project,
    model: window.model,
    gpu_model: window.gpuModel,
    sharing: window.sharing,
    phase: window.phase,
    outcome: window.outcome,
    numbers: window.sums,
  }));
  return [...windows, ...batches.map((batch) => batchRow(batch, epochs.get(batch.partition) ?? 0))];
}

/** numbers in the order of the view batches. */
const batchRow = (batch: PartitionBatch, epoch: number): Row => ({
  kind: "batch",
  kafka_partition: batch.partition,
  kafka_offset: batch.lastOffset,
  ingested_at: batch.ingestedAtMs,
  hour: hourOf(batch.ingestedAtMs),
  numbers: [
    batch.firstOffset,
    epoch,
    batch.received,
    batch.counted,
    batch.duplicates,
    batch.conflicts,
    batch.rejected,
    // beyond the end of the array is 0
    ...(batch.lost > 0 ? [batch.lost] : []),
  ].map(BigInt),
});
