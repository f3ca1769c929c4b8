// The rows of one event: one an hour.
import { type EventRecord, isNull, NUMBERS, type NumberField } from "../event/record.ts";
import { FUTURE_MAX_MS, SPAN_MAX_US } from "../event/validate.ts";
import { crossesHour, DIVIDED, HOUR_US, lastHour, slices, splitQuantity } from "../window/split.ts";
import type { Block, PartitionBatch } from "./block.ts";
import type { KafkaRecord } from "./record-run.ts";

/** Adds the event that was interned last. Its numbers are left as they were read. */
export function addEventSlices(
  block: Block,
  event: EventRecord,
  batch: PartitionBatch,
  record: KafkaRecord,
  hashLow: number,
  hashHigh: number,
): void {
  const { numbers } = event;
  const startedAt = numbers[NUMBERS.started_at] as number;
  const endedAt = numbers[NUMBERS.ended_at] as number;
  const { offset, ingestedAtMs } = record;
  const last = lastHour(startedAt, endedAt);
  if (!crossesHour(startedAt, endedAt)) {
    block.addEvent(event, batch, offset, ingestedAtMs, last, 1, hashLow, hashHigh);
    return;
  }
  const whole = numbers.slice();
  const parts = slices(startedAt, endedAt);
  const divided = DIVIDED.map((field) => {
    const total = whole[NUMBERS[field]] as number;
    return isNull(total) ? parts.map(() => total) : splitQuantity(total, parts);
  });
  for (const [i, part] of parts.entries()) {
    for (const [field, shares] of divided.entries()) {
      numbers[NUMBERS[DIVIDED[field] as NumberField]] = (shares as number[])[i] as number;
    }
    numbers[NUMBERS.started_at] = part.startedAt;
    numbers[NUMBERS.ended_at] = part.endedAt;
    const home = part.hour === last ? 1 : 0;
    block.addEvent(event, batch, offset, ingestedAtMs, part.hour, home, hashLow, hashHigh);
  }
  numbers.set(whole);
}

/** The hour a rejected event would have been counted in, if its times are sane enough to tell. */
export function eventRejectHour(event: EventRecord, ingestedAtMs: number): number | undefined {
  const startedAt = event.numbers[NUMBERS.started_at] as number;
  const endedAt = event.numbers[NUMBERS.ended_at] as number;
  const sane =
    endedAt >= startedAt &&
    endedAt - startedAt <= SPAN_MAX_US &&
    startedAt >= 0 &&
    endedAt <= (ingestedAtMs + FUTURE_MAX_MS) * 1000 + HOUR_US;
  return sane ? lastHour(startedAt, endedAt) : undefined;
}
