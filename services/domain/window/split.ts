// An event that crosses an hour's end is cut there, pro rata by wall time, so that the parts add up to the whole.

import { fieldsWith } from "../event/fields.ts";
import { HOUR_US, type HourIndex } from "../time/hour.ts";

/** What is used up over time, and so is split over the hours; peaks and averages hold in each of them. */
export const DIVIDED = fieldsWith({ split: true });

/** Hour (since the epoch) of the last instant of [startedAt, endedAt); times in microseconds. */
export function lastHour(startedAt: number, endedAt: number): HourIndex {
  return Math.floor((endedAt > startedAt ? endedAt - 1 : endedAt) / HOUR_US);
}

export const firstHour = (startedAt: number): HourIndex => Math.floor(startedAt / HOUR_US);

export const crossesHour = (startedAt: number, endedAt: number): boolean =>
  firstHour(startedAt) !== lastHour(startedAt, endedAt);

export interface Slice {
  /** Hours since the Unix epoch. */
  readonly hour: HourIndex;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The stretches of [startedAt, endedAt) by hour, oldest first; times in microseconds. */
export function slices(startedAt: number, endedAt: number): Slice[] {
  const first = firstHour(startedAt);
  const last = lastHour(startedAt, endedAt);
  const result: Slice[] = [];
  for (let hour = first; hour <= last; hour++) {
    result.push({
      hour,
      startedAt: Math.max(startedAt, hour * HOUR_US),
      endedAt: hour === last ? endedAt : (hour + 1) * HOUR_US,
    });
  }
  return result;
}

/**
 * Splits `total` (a whole number, at least 0 and below 2^53) over the slices by their length: the running share is
 * rounded down, so every part is within 1 of its exact share and the parts sum to `total`.
 */
export function splitQuantity(total: number, parts: readonly Slice[]): number[] {
  const start = (parts[0] as Slice).startedAt;
  const span = BigInt((parts[parts.length - 1] as Slice).endedAt - start);
  let given = 0n;
  return parts.map((part) => {
    const upTo = (BigInt(total) * BigInt(part.endedAt - start)) / span;
    const share = upTo - given;
    given = upTo;
    return Number(share);
  });
}
