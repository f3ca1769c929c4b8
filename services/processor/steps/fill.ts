// Records into the block that is filling, from the offset that is next.
import type { KafkaRecord } from "../../domain/block/intake.ts";
import { HOUR_MS } from "../../domain/event/id.ts";
import type { Assignment, StreamParts } from "../stream.ts";

/**
 * Takes records of one partition in order until the block is full; answers how many were dealt with. `through` is the
 * last offset that the records cover: Kafka's own records, which are never handed on, may lie behind the last of them.
 */
export function fill(
  { intake }: StreamParts,
  assignment: Assignment,
  partition: number,
  records: readonly KafkaRecord[],
  from: number,
  through: number,
): number {
  const { filling, memory } = assignment;
  const next = assignment.next.get(partition);
  if (next === undefined) throw new Error(`records of partition ${partition}, which is not assigned`);
  const batch = filling.partition(partition, next);
  let at = from;
  for (; at < records.length && !filling.isFull; at++) {
    const record = records[at] as KafkaRecord;
    if (record.offset < batch.lastOffset + 1) continue;
    const late = intake.take(filling, batch, record, memory);
    if (late !== undefined) assignment.late.push(late);
  }
  if (at === records.length) batch.lastOffset = Math.max(batch.lastOffset, through);
  assignment.next.set(partition, batch.lastOffset + 1);
  assignment.newestHour = Math.max(assignment.newestHour, Math.floor(batch.ingestedAtMs / HOUR_MS));
  return at;
}
