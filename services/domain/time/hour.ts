// Hours, and the lengths of time that are counted in. Two numbers stand for an hour; their types cannot stand for one another.

/** The start of an hour, in seconds since the Unix epoch, UTC; a multiple of 3600. */
export type Hour = number & { readonly unit?: "hour start" };
/** An hour, counted in hours since the Unix epoch: on the hot path and in the dedupe memory. */
export type HourIndex = number & { readonly unit?: "hour index" };

/** Hours from `from` up to and without `to`. */
export interface HourRange {
  readonly from: Hour;
  readonly to: Hour;
}

export const HOUR_S = 3600;
export const DAY_S = 24 * HOUR_S;
export const HOUR_MS = 1000 * HOUR_S;
export const DAY_MS = 1000 * DAY_S;
export const MINUTE_US = 60_000_000;
export const HOUR_US = 60 * MINUTE_US;
export const NS_PER_HOUR = 3_600_000_000_000n;
/** The last hour whose end a DateTime column of ClickHouse (32 bits of seconds) holds too. */
export const HOUR_MAX: Hour = 4_294_962_000;
const PATTERN = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):00(?::00(?:\.0+)?)?Z$/;

/** Reads an hour such as "2026-11-23T10:00:00Z" or "2026-11-23T10:00Z"; null for anything else, and for hours that no column holds. */
export function parseHour(text: string): Hour | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour] = match;
  const seconds = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour)) / 1000;
  // Date.UTC rolls 31 February over into March; writing the hour back finds that.
  const isReal = formatHour(seconds).startsWith(`${year}-${month}-${day}T${hour}`);
  return isReal && seconds >= 0 && seconds <= HOUR_MAX ? seconds : null;
}

export function formatHour(hour: Hour): string {
  return new Date(hour * 1000).toISOString().replace(".000Z", "Z");
}

/** The hour that holds this moment. */
export function hourOf(timeMs: number): Hour {
  return Math.floor(timeMs / HOUR_MS) * HOUR_S;
}

export const hourStart = (index: HourIndex): Hour => index * HOUR_S;

/** The first moment after the hour, in milliseconds. */
export function hourEndMs(hour: Hour): number {
  return (hour + HOUR_S) * 1000;
}

/** A timestamp in UTC with milliseconds, such as 2026-11-23T10:00:00.123Z. */
export function isoText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
