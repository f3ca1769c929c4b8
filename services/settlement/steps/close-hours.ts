import type { Cut } from "../../domain/closing/cut.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import { together } from "../../domain/closing/together.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { OpenHour } from "../../domain/ports/settlement-store.ts";
import type { PassRequest, Settlement } from "../pass.ts";
import { closeTogether } from "./close-hour.ts";

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
    deps.signal?.throwIfAborted();
    const hour = {
      hour: item.hour,
      reason: reason ?? item.reason,
      before: await store.hourClose(item.hour),
    };
    const written = await closeTogether(deps, lease, cut, [hour]);
    if (written.length === 0) continue;
    metrics.revisions.inc({ reason: item.kind });
    metrics.late_events.inc(item.late);
    revised.push(...written);
  }
  return revised;
}

/** Writes the first revision of hours whose records are all in, oldest first. */
export async function closeHours(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { hours, reason = "complete" }: { readonly hours: readonly OpenHour[]; readonly reason?: string },
): Promise<HourClose[]> {
  const closed: HourClose[] = [];
  for (const group of together(hours, ({ events }) => events)) {
    deps.signal?.throwIfAborted();
    const due = group.map(({ hour }) => ({ hour, reason, before: null }));
    closed.push(...(await closeTogether(deps, lease, cut, due)));
  }
  return closed;
}
