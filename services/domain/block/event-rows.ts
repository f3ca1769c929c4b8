// The rows of one event: one per hour.

import { type EventRecord, isNull, NUMBERS, type NumberField } from "../event/record.ts";
import { FUTURE_MAX_MS, SPAN_MAX_US } from "../event/validate.ts";
import { HOUR_US, type HourIndex } from "../time/hour.ts";
import { crossesHour, DIVIDED, lastHour, slices, splitQuantity } from "../window/split.ts";
import type { Block } from "./block.ts";
import type { EventKeys } from "./event-keys.ts";
import type { SliceRef } from "./slice-ref.ts";

/**
 * Adds an event row by row: one per hour. `slice` names its record and hash, the rest of it is filled here. The event's
 * numbers are left as they were read.
 */
export function addEventSlices(block: Block, event: EventRecord, keys: EventKeys, slice: SliceRef): void {
  const { numbers } = event;
  const startedAt = numbers[NUMBERS.started_at] as number;
  const endedAt = numbers[NUMBERS.ended_at] as number;
  const last = lastHour(startedAt, endedAt);
  if (!crossesHour(startedAt, endedAt)) {
    slice.hour = last;
    slice.isLastSlice = true;
    block.addEvent(event, keys, slice);
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
    slice.hour = part.hour;
    slice.isLastSlice = part.hour === last;
    block.addEvent(event, keys, slice);
  }
  numbers.set(whole);
}

/** The hour that an event counts in: its last slice's. */
export const eventHour = (event: EventRecord): HourIndex =>
  lastHour(event.numbers[NUMBERS.started_at] as number, event.numbers[NUMBERS.ended_at] as number);

/** The hour a rejected event would have been counted in, if its times are sane enough to tell. */
export function eventRejectHour(event: EventRecord, ingestedAtMs: number): HourIndex | undefined {
  const startedAt = event.numbers[NUMBERS.started_at] as number;
  const endedAt = event.numbers[NUMBERS.ended_at] as number;
  const sane =
    endedAt >= startedAt &&
    endedAt - startedAt <= SPAN_MAX_US &&
    startedAt >= 0 &&
    endedAt <= (ingestedAtMs + FUTURE_MAX_MS) * 1000 + HOUR_US;
  return sane ? lastHour(startedAt, endedAt) : undefined;
}
