// What an hour of logged batches comes to, without a server: its audit, its usage, and the offsets that batches cover.
import type { HourAudit } from "../../../services/domain/closing/audit.ts";
import type { Run } from "../../../services/domain/closing/tiling.ts";
import {
  compareText,
  USAGE_SUMS,
  type UsageRow,
  usageKey,
  usageKeyText,
  usageSums,
} from "../../../services/domain/closing/usage.ts";
import { addSums, type LoggedEvent, type LoggedWindow, sumsOf, windowKey } from "../stores/logged-batches.ts";

/** Both sides of the hour's double entry. */
export function auditOf(
  events: readonly LoggedEvent[],
  windows: readonly LoggedWindow[],
  voided: ReadonlyMap<string, unknown>,
): HourAudit {
  const ids = new Set(events.map(({ id }) => id));
  // What events add to a key, windows take from it.
  const entries = [
    ...events.map((event) => ({ key: windowKey(event), sums: sumsOf(event) })),
    ...windows.map(({ key, sums }) => ({ key, sums: usageSums((name) => -sums[name]) })),
  ];
  const keys = Map.groupBy(entries, ({ key }) => JSON.stringify(key));
  const differences = [...keys.values()].map((own) => addSums(own.map(({ sums }) => sums)));
  const differing = differences.filter((sums) => USAGE_SUMS.some((name) => sums[name] !== 0n));
  return {
    slices: BigInt(events.length),
    unique_ids: BigInt(ids.size),
    voided: BigInt([...ids].filter((id) => voided.has(id)).length),
    event_sums: addSums(events.map(sumsOf)),
    window_sums: addSums(windows.map(({ sums }) => sums)),
    differing_keys: BigInt(differing.length),
    duplicates: windows.reduce((sum, { duplicates }) => sum + duplicates, 0n),
    conflicts: 0n,
    rejected: 0n,
  };
}

export function usageOf(events: readonly LoggedEvent[]): UsageRow[] {
  return [...Map.groupBy(events, usageKeyText).values()].map((own) => ({
    ...usageKey(own[0] as LoggedEvent),
    ...addSums(own.map(sumsOf)),
    apportionments: [...new Set(own.map(({ apportionment }) => apportionment))].toSorted(compareText),
  }));
}

/** Of each id its first copy by offset. */
export function firstCopies(events: readonly LoggedEvent[]): LoggedEvent[] {
  const ordered = events.toSorted((a, b) => a.offset - b.offset || a.partition - b.partition);
  return [...Map.groupBy(ordered, ({ id }) => id).values()].map(([first]) => first as LoggedEvent);
}

/** Runs that follow one another are one. */
export function joinRuns(runs: readonly Run[]): Run[] {
  const joined: Run[] = [];
  const places = runs.toSorted(
    (a, b) => a.partition - b.partition || Number(a.first_offset - b.first_offset),
  );
  for (const { partition, first_offset, end_offset } of places) {
    const before = joined.at(-1);
    if (before?.partition === partition && before.end_offset === first_offset) {
      joined[joined.length - 1] = { ...before, end_offset };
    } else {
      joined.push({ partition, first_offset, end_offset });
    }
  }
  return joined;
}
