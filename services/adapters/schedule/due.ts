import { createTask, parse } from "node-cron";
import { DAY_MS, HOUR_MS } from "../../domain/time/hour.ts";

const MINUTE_MS = 60_000;

export interface Stretch {
  /** Not included; milliseconds since 1970. */
  readonly after: number;
  /** Included. */
  readonly until: number;
}

/** When a cron expression (UTC) was due in a stretch of time, oldest first: the newest `limit` of them, or the oldest. */
export function dueTimes(
  expression: string,
  stretch: Stretch,
  take: "oldest" | "newest",
  limit: number,
): number[] {
  const { after, until } = stretch;
  const times = timesOfDay(expression);
  const task = createTask(expression, () => {}, { timezone: "Etc/UTC" });
  const days = daysOf(stretch);
  const found: number[] = [];
  for (const day of take === "oldest" ? days : days.reverse()) {
    const first = times[0] ?? 0;
    // Whether a day is due does not depend on the time of day, and asking costs more than everything else here.
    if (found.length >= limit) break;
    if (!task.match(new Date(day + first))) continue;
    const own = times.map((time) => day + time).filter((at) => at > after && at <= until);
    found.push(...(take === "oldest" ? own : own.reverse()));
  }
  void task.destroy();
  return found.slice(0, limit).toSorted((left, right) => left - right);
}

/** Milliseconds after midnight, in order; of a minute with several due seconds the first one. */
function timesOfDay(expression: string): number[] {
  const { hour, minute, second } = parse(expression);
  const sorted = (values: readonly number[]) => values.toSorted((left, right) => left - right);
  const [first = 0] = sorted(second);
  return sorted(hour).flatMap((h) => sorted(minute).map((m) => h * HOUR_MS + m * MINUTE_MS + first * 1000));
}

function daysOf({ after, until }: Stretch): number[] {
  const first = Math.floor(after / DAY_MS);
  const count = Math.max(0, Math.floor(until / DAY_MS) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * DAY_MS);
}
