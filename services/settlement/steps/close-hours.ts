import type { Cut } from "../../domain/closing/cut.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import { together } from "../../domain/closing/together.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { DirtyHour, OpenHour } from "../../domain/ports/settlement-store.ts";
import type { Hour } from "../../domain/time/hour.ts";
import type { PassRequest, Settlement } from "../pass.ts";
import { closeTogether } from "./close-hour.ts";
import { dueRevisions } from "./due-revisions.ts";

interface Revisions extends PassRequest {
  readonly hours: readonly DirtyHour[];
}

/** Writes the next revision of hours that voids changed, with their late events, in the order of hours. */
export async function reviseForVoids(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { hours, reason }: Revisions,
): Promise<HourClose[]> {
  const revised: HourClose[] = [];
  for (const hour of hours) {
    const close = await revise(deps, lease, cut, hour, reason);
    if (close !== null) revised.push(close);
  }
  return revised;
}

/** Writes the next revision of hours that late events changed, as many as the limits allow. */
export async function reviseForEvents(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { hours, reason, revisionLimits }: Revisions,
): Promise<{ readonly revised: readonly HourClose[]; readonly waiting: readonly Hour[] }> {
  const { due, waiting } =
    revisionLimits === undefined
      ? { due: hours, waiting: [] }
      : dueRevisions(hours, deps.clock.nowMs(), revisionLimits);
  const revised: HourClose[] = [];
  for (const hour of due) {
    const close = await revise(deps, lease, cut, hour, reason);
    if (close !== null) revised.push(close);
  }
  return { revised, waiting };
}

/** Closes the hour anew that somebody named, unless this pass has. */
export async function reviseByHand(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { reviseHour: hour, reason = "" }: PassRequest,
): Promise<HourClose[]> {
  if (hour === undefined) return [];
  const close = await reviseHour(deps, lease, cut, hour, reason);
  if (close === null) return [];
  deps.metrics.revisions.inc({ reason: "by_hand" });
  return [close];
}

async function revise(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  { hour, late_events, late_voids }: DirtyHour,
  reason = `late events: ${late_events}, voids: ${late_voids}`,
): Promise<HourClose | null> {
  const { metrics } = deps;
  const close = await reviseHour(deps, lease, cut, hour, reason);
  if (close === null) return null;
  metrics.revisions.inc({ reason: late_events > 0n ? "late_events" : "voids" });
  metrics.late_events.inc(Number(late_events));
  return close;
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

async function reviseHour(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  hour: Hour,
  reason: string,
): Promise<HourClose | null> {
  deps.signal?.throwIfAborted();
  const before = await deps.store.hourClose(hour);
  const [close] = await closeTogether(deps, lease, cut, [{ hour, reason, before }]);
  return close ?? null;
}
