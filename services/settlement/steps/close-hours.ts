import type { Cut } from "../../domain/closing/cut.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import { type TilingFault, tilingFaults } from "../../domain/closing/tiling.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { Hour } from "../../domain/time/hour.ts";
import type { PassRequest, Settlement } from "../pass.ts";

import { closeHour } from "./close-hour.ts";

/**
 * Writes the next revision of closed hours that late events or voids changed. In the order of hours: a void is looked for
 * until the last hour of its event covers it, so the hours before must come first.
 */
export async function reviseHours(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { reviseHour, reason, through = Number.MAX_SAFE_INTEGER }: PassRequest,
): Promise<HourClose[]> {
  const { store, metrics } = deps;
  const dirty = (await store.dirtyHours(cut)).filter(({ hour }) => hour <= through || hour === reviseHour);
  const byHand =
    reviseHour === undefined || dirty.some(({ hour }) => hour === reviseHour) ? [] : [reviseHour];
  const work = [
    ...dirty.map(({ hour, late_events, late_voids }) => ({
      hour,
      reason: `late events: ${late_events}, voids: ${late_voids}`,
      kind: late_events > 0n ? "late_events" : "voids",
      late: Number(late_events),
    })),
    ...byHand.map((hour) => ({ hour, reason: "", kind: "by_hand", late: 0 })),
  ];
  const revised: HourClose[] = [];
  for (const item of work) {
    const why = reason ?? item.reason;
    const close = await closeUnderLease(deps, lease, cut, item.hour, why);
    if (close === null) continue;
    metrics.revisions.inc({ reason: item.kind });
    metrics.late_events.inc(item.late);
    revised.push(close);
  }
  return revised;
}

/** Writes the first revision of hours whose records are all in, oldest first. */
export async function closeHours(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { hours, reason = "complete" }: { readonly hours: readonly Hour[]; readonly reason?: string },
): Promise<HourClose[]> {
  const closed: HourClose[] = [];
  for (const hour of hours) {
    const close = await closeUnderLease(deps, lease, cut, hour, reason);
    if (close !== null) closed.push(close);
  }
  return closed;
}

async function closeUnderLease(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  hour: Hour,
  reason: string,
): Promise<HourClose | null> {
  deps.signal?.throwIfAborted();
  const faults = await newTilingFaults(deps, cut);
  const result = await closeHour(deps, lease, { hour, cut, reason, tilingFaults: faults });
  return result.kind === "closed" ? result.close : null;
}

/** Faults between the cut of the newest close, where the audit before ended, and this one. */
async function newTilingFaults({ store }: Settlement, cut: Cut): Promise<TilingFault[]> {
  const from = (await store.latestClose())?.cut ?? new Map();
  return tilingFaults(await store.batchRuns(from, cut), from, cut);
}
