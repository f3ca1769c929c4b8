import type { Hour } from "../time/hour.ts";
import type { Period } from "./contract-segments.ts";

/** The calendar month, in UTC, that holds the hour. */
export function monthOf(hour: Hour): Period {
  const date = new Date(hour * 1000);
  const start = (month: number) => Date.UTC(date.getUTCFullYear(), month) / 1000;
  return { from: start(date.getUTCMonth()), to: start(date.getUTCMonth() + 1) };
}

/** The period that holds the hour, in the rhythm of another one: month by month after a calendar month, else as long as it. */
export function periodAt(rhythm: Period, hour: Hour): Period {
  if (arePeriodsSame(monthOf(rhythm.from), rhythm)) return monthOf(hour);
  const length = rhythm.to - rhythm.from;
  const from = rhythm.from + Math.floor((hour - rhythm.from) / length) * length;
  return { from, to: from + length };
}

/** The periods of a rhythm from the one that holds `from` up to the one that holds the last hour before `to`. */
export function periodsOf(rhythm: Period, from: Hour, to: Hour): Period[] {
  const periods: Period[] = [];
  for (let hour = from; hour < to; ) {
    const period = periodAt(rhythm, hour);
    periods.push(period);
    hour = period.to;
  }
  return periods;
}

export function arePeriodsSame(a: Period, b: Period): boolean {
  return a.from === b.from && a.to === b.to;
}
