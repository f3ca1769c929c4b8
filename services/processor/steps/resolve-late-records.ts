// The late records of a sealed block get their rows, once usage_log has said which of their ids it holds.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Metrics } from "../../adapters/metrics/metrics.ts";
import type { Intake } from "../../domain/block/intake.ts";
import { LateIds } from "../../domain/block/seen-ids.ts";
import { hashesById, idText } from "../../domain/dedupe/known-ids.ts";
import { ID_SPACES } from "../../domain/dedupe/memory.ts";
import type { PayloadHash } from "../../domain/event/payload-hash.ts";
import type { UsageLog } from "../../domain/ports/usage-log.ts";
import type { Retry, SealedBlock } from "../stream.ts";

export interface LateParts {
  readonly usageLog: Pick<UsageLog, "lookUp">;
  readonly intake: Pick<Intake, "takeLate">;
  readonly metrics: Pick<Metrics, "late_lookups">;
  readonly retry: Retry;
}

/** As many as are taken in one turn of the event loop. */
const TURN_RECORDS_MAX = 1_000;

/** Asks usage_log for ids of hours that are not remembered. The block before is in the log by now: it is seen. */
export async function resolveLateRecords(parts: LateParts, { block, late }: SealedBlock): Promise<void> {
  if (late.length === 0) return;
  const hashes = new Map<string, ReadonlyMap<string, PayloadHash>>();
  for (const space of ID_SPACES) {
    const ids = late.filter((record) => record.space === space).map((record) => record.id);
    if (ids.length === 0) continue;
    parts.metrics.late_lookups.inc(ids.length);
    hashes.set(space, hashesById(await parts.retry(() => parts.usageLog.lookUp(space, ids))));
  }
  const seen = new LateIds((space, id) => hashes.get(space)?.get(idText(id)));
  for (let from = 0; from < late.length; from += TURN_RECORDS_MAX) {
    if (from > 0) await nextTurn();
    parts.intake.takeLate(block, late.slice(from, from + TURN_RECORDS_MAX), seen);
  }
}
