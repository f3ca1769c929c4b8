// Fills the open block from the next offset, for a few milliseconds at a time.

import type { Intake } from "../../domain/block/intake.ts";
import type { RecordRun } from "../../domain/block/record-run.ts";
import { HOUR_MS } from "../../domain/time/hour.ts";
import type { Assignment } from "../stream.ts";

/** At 5 to 15 microseconds a record, and at worst one row per hour of it, some 10 ms: heartbeats and timers wait no longer. */
const TURN_RECORDS_MAX = 1_000;
/** Long records are hashed and copied whole when they are rejected. */
const TURN_BYTES_MAX = 4_194_304;

/** end: all records are taken. full: the block is. pause: enough for one turn of the event loop; go on after it. */
export type FillState = "end" | "full" | "pause";

/**
 * Takes records of one partition in order. `through` is the last offset that they cover: Kafka's own records, which are
 * never handed on, may lie behind the last of them.
 */
export function fill(
  intake: Pick<Intake, "take">,
  assignment: Assignment,
  partition: number,
  run: RecordRun,
  through: number,
): FillState {
  const { openBlock, memory } = assignment;
  let next = assignment.next.get(partition);
  if (next === undefined) throw new Error(`records of partition ${partition}, which is not assigned`);
  let isAtEnd = false;
  let records = 0;
  let bytes = 0;
  while (!openBlock.isFull && !isAtEnd && records < TURN_RECORDS_MAX && bytes < TURN_BYTES_MAX) {
    isAtEnd = !run.next();
    const offset = isAtEnd ? through : run.record.offset;
    records++;
    // a fetch starts with the whole record batch that the position lies in
    if (offset < next) continue;
    const batch = openBlock.partition(partition, next);
    if (isAtEnd) {
      batch.lastOffset = through;
    } else {
      bytes += run.record.valueLength;
      const late = intake.take(openBlock, batch, run.record, memory);
      if (late !== undefined) assignment.late.push(late);
      assignment.newestHour = Math.max(assignment.newestHour, Math.floor(batch.ingestedAtMs / HOUR_MS));
    }
    next = offset + 1;
  }
  assignment.next.set(partition, next);
  if (isAtEnd) return "end";
  return openBlock.isFull ? "full" : "pause";
}
