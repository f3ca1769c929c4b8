// Fills the open block from the next offset.

import type { Intake } from "../../domain/block/intake.ts";
import type { RecordRun } from "../../domain/block/record-run.ts";
import { HOUR_MS } from "../../domain/time/hour.ts";

import type { Assignment } from "../stream.ts";

/**
 * Takes records of one partition in order until they end (true) or the block is full (false). `through` is the last
 * offset that they cover: Kafka's own records, which are never handed on, may lie behind the last of them.
 */
export function fill(
  intake: Pick<Intake, "take">,
  assignment: Assignment,
  partition: number,
  run: RecordRun,
  through: number,
): boolean {
  const { openBlock, memory } = assignment;
  let next = assignment.next.get(partition);
  if (next === undefined) throw new Error(`records of partition ${partition}, which is not assigned`);
  let isAtEnd = false;
  while (!openBlock.isFull && !isAtEnd) {
    isAtEnd = !run.next();
    const offset = isAtEnd ? through : run.record.offset;
    // a fetch starts with the whole record batch that the position lies in
    if (offset < next) continue;
    const batch = openBlock.partition(partition, next);
    if (isAtEnd) {
      batch.lastOffset = through;
    } else {
      const late = intake.take(openBlock, batch, run.record, memory);
      if (late !== undefined) assignment.late.push(late);
      assignment.newestHour = Math.max(assignment.newestHour, Math.floor(batch.ingestedAtMs / HOUR_MS));
    }
    next = offset + 1;
  }
  assignment.next.set(partition, next);
  return isAtEnd;
}
