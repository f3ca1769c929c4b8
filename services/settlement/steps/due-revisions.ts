import type { DirtyHour } from "../../domain/ports/settlement-store.ts";
import type { Hour } from "../../domain/time/hour.ts";

/** How much of a pass late events may take. */
export interface RevisionLimits {
  /** Hours that one pass revises for late events at most. */
  readonly hours_max: number;
  /** Late events that come within so many milliseconds of an hour's newest revision wait, and share the next one. */
  readonly pause_ms: number;
}

export interface DueRevisions {
  /** In the order of hours. */
  readonly due: readonly DirtyHour[];
  /** Left for a later pass, in the order of hours. */
  readonly waiting: readonly Hour[];
}

/**
 * Which of the hours that late events changed are revised now. The hour that was not revised for longest comes first: whoever
 * sends late events for many hours without end delays another's hour by one round, and never for good.
 */
export function dueRevisions(
  hours: readonly DirtyHour[],
  nowMs: number,
  { hours_max, pause_ms }: RevisionLimits,
): DueRevisions {
  const ripe = hours
    .filter(({ closed_at }) => nowMs - closed_at >= pause_ms)
    .toSorted((a, b) => a.closed_at - b.closed_at || a.hour - b.hour)
    .slice(0, hours_max);
  const chosen = new Set(ripe);
  return {
    due: hours.filter((hour) => chosen.has(hour)),
    waiting: hours.filter((hour) => !chosen.has(hour)).map(({ hour }) => hour),
  };
}
