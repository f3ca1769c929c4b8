import type { PassRequest, PassResult, Settlement } from "./pass.ts";
import { closeHours, reviseHours } from "./steps/close-hours.ts";
import { findDueHours } from "./steps/find-hours.ts";
import { keepLease } from "./steps/keep-lease.ts";
import { rateHours } from "./steps/rate-hours.ts";
import { watchGpus } from "./steps/watch-gpus.ts";

/** One pass: whatever can be closed, revised and rated now, under one lease and one cut. Running it again changes nothing. */
export async function runPass(deps: Settlement, request: PassRequest = {}): Promise<PassResult> {
  const { store, metrics } = deps;
  const answer = await store.takeLease(deps.owner, deps.leaseMs);
  if (answer.kind === "taken") return { ...answer, kind: "not_leader" };
  const { lease } = answer;

  const { due, ...settled } = await keepLease(deps, lease, async () => {
    const cut = await store.positions();
    const due = await findDueHours(deps, cut, request.through ?? Number.MAX_SAFE_INTEGER);
    metrics.hours_waiting.set(due.waiting.length);
    const revised = await reviseHours(deps, lease, cut, request);
    const closed = await closeHours(deps, lease, cut, { ...request, hours: due.closable });
    return { due, revised, closed, ...(await rateHours(deps, lease)) };
  });
  await store.releaseLease(lease);
  await watchGpus(deps, settled.closed);
  return { kind: "settled", waiting: due.waiting, ...settled };
}
