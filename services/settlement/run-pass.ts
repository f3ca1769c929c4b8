import { ClickHouseFailure } from "../adapters/clickhouse/failure.ts";
import { type Cut, cutText, reaches } from "../domain/closing/cut.ts";
import type { PassRequest, PassResult, Settlement } from "./pass.ts";
import { closeHours, reviseByHand, reviseForEvents, reviseForVoids } from "./steps/close-hours.ts";
import { findDirtyHours, findDueHours } from "./steps/find-hours.ts";
import { keepLease } from "./steps/keep-lease.ts";
import { rateHours } from "./steps/rate-hours.ts";
import { watchGpus } from "./steps/watch-gpus.ts";

/**
 * One pass: whatever can be closed, revised and rated now, under one lease and one cut. Running it again changes nothing. Closes
 * come before the revisions that late events ask for, which anybody can ask for in any number. Voids come before closes: a void
 * is looked for until the last hour of its event covers it, so none of the hours before it may be left for a later pass.
 */
export async function runPass(deps: Settlement, request: PassRequest = {}): Promise<PassResult> {
  const { store, metrics } = deps;
  const answer = await store.takeLease(deps.owner, deps.leaseMs);
  if (answer.kind === "taken") return { ...answer, kind: "not_leader" };
  const { lease } = answer;

  const settled = await keepLease(deps, lease, async () => {
    const cut = await store.positions();
    requireReach(cut, (await store.latestClose())?.cut ?? new Map());
    const due = await findDueHours(deps, cut, request.through ?? Number.MAX_SAFE_INTEGER);
    metrics.hours_waiting.set(due.waiting.length);
    const dirty = await findDirtyHours(deps, cut, request);
    const voided = await reviseForVoids(deps, lease, cut, { ...request, hours: dirty.voided });
    const closed = await closeHours(deps, lease, cut, { ...request, hours: due.closable });
    const late = await reviseForEvents(deps, lease, cut, { ...request, hours: dirty.late });
    metrics.revisions_waiting.set(late.waiting.length);
    const byHand = await reviseByHand(deps, lease, cut, request);
    return {
      closed,
      revised: [...voided, ...late.revised, ...byHand],
      waiting: due.waiting,
      unrevised: late.waiting,
      ...(await rateHours(deps, lease)),
    };
  });
  await store.releaseLease(lease);
  await watchGpus(deps, settled.closed);
  return { kind: "settled", ...settled };
}

/** A log that ends before what is closed has lost rows, as by a power failure. The processors read them again from Kafka. */
function requireReach(cut: Cut, closed: Cut): void {
  if (reaches(cut, closed)) return;
  throw new ClickHouseFailure(
    "retriable",
    "LOG_BEHIND",
    `usage_log ends at ${cutText(cut)}, before the cut ${cutText(closed)} of the newest close: nothing is closed until the processors have read the lost records again from Kafka`,
  );
}
