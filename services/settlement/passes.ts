import { StaleLeaderError } from "../adapters/clickhouse/leader.ts";
import type { Hour } from "../domain/time/hour.ts";
import type { PassRequest, PassSummary, Settlement } from "./pass.ts";
import { runPass } from "./run-pass.ts";
import type { RevisionLimits } from "./steps/due-revisions.ts";
import { span } from "./steps/rate-hours.ts";

/** Room for the clocks of two machines to differ when a lease runs out. */
const LEASE_MARGIN_MS = 100;

/** One pass at a time for as long as the process lives; whoever does not lead leaves the pass to who does. */
export function createPasses(deps: Settlement, revisionLimits: RevisionLimits): () => Promise<void> {
  const { log, metrics } = deps;
  let isBusy = false;
  let lastLogged = "";
  let unrevised = 0;
  return async () => {
    if (isBusy) return;
    isBusy = true;
    try {
      const result = await runPass(deps, { revisionLimits });
      if (result.kind === "not_leader") {
        log.debug({ owner: result.owner, left_ms: result.left_ms }, "another settlement leads");
        return;
      }
      logUnrevisedHours(deps, result.unrevised, unrevised);
      unrevised = result.unrevised.length;
      lastLogged = logUnpricedHours(deps, result.unpriced, lastLogged);
    } catch (error) {
      if (!(error instanceof StaleLeaderError)) throw error;
      metrics.fenced_inserts.inc({ rule: error.rule });
      log.warn({ rule: error.rule }, "lost the lead in mid-pass; the next pass takes it up again");
    } finally {
      isBusy = false;
    }
  };
}

/** A pass that waits for the lead if another settlement has it. */
export async function runPassAsLeader(deps: Settlement, request: PassRequest): Promise<PassSummary> {
  for (;;) {
    const result = await runPass(deps, request);
    if (result.kind === "settled") return result;
    deps.log.info(
      { owner: result.owner, left_ms: result.left_ms },
      "another settlement leads; waiting for its lease to end",
    );
    await deps.clock.sleep(result.left_ms + LEASE_MARGIN_MS, deps.signal);
  }
}

/** Tells of hours without prices when they begin to wait, and when none does any more; not at every pass. */
function logUnpricedHours({ log }: Settlement, hours: readonly Hour[], lastLogged: string): string {
  const [first] = hours;
  const now = first === undefined ? "" : String(first);
  if (now === lastLogged) return lastLogged;
  if (now === "") log.info({}, "all closed hours have charges");
  else log.warn(span(hours), "closed hours wait for a price book, or for a card in it");
  return now;
}

/** Tells of hours whose late events wait when they begin to, when they become more, and when none does any more. */
function logUnrevisedHours({ log }: Settlement, hours: readonly Hour[], before: number): void {
  if (hours.length > before) log.warn(span(hours), "closed hours wait for the revision of their late events");
  else if (hours.length === 0 && before > 0) log.info({}, "all late events are in revisions");
}
