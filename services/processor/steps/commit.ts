// A sealed block into usage_log, once: every answer that is not "applied" is resolved by reading the position, which moves
// together with the rows.

import type { Metrics } from "../../adapters/metrics/metrics.ts";
import type { BlockRule } from "../../adapters/metrics/owners.ts";
import type { Block } from "../../domain/block/block.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { Guard, UsageLog } from "../../domain/ports/usage-log.ts";
import { type Assignment, type Retry, serverOffsetMs } from "../stream.ts";

export interface CommitParts {
  readonly usageLog: Pick<UsageLog, "append" | "killInsert" | "positions" | "serverTimeMs">;
  readonly source: { lastHeartbeatMs(): number };
  /** How long after the last heartbeat an insert may still begin, milliseconds; below the group's session timeout. */
  readonly limits: { readonly lease_ms: number };
  /** Names this process among all owners, before and after. */
  readonly owner: string;
  readonly clock: Clock;
  readonly retry: Retry;
  readonly metrics: Pick<Metrics, "fenced_inserts" | "insert_retries">;
  /** Aborted when the process may wait no longer. What is not in the log by then is read again by the next owner. */
  readonly patience: AbortSignal;
  readonly log: Log;
}

/** committed: the block is in the log. lost: another owner has the partitions, or the log moved on without us. */
export type CommitResult =
  | { readonly result: "committed" }
  | { readonly result: "lost"; readonly rule: BlockRule };

const LEASE_PAUSE_MS = 200;
/** Before the second try of a block that found no room; the first is at once, as most lost answers are lost once. */
const RETRY_PAUSE_MS_MIN = 500;
const RETRY_PAUSE_MS_MAX = 10_000;

/** @param isCurrent whether this assignment is still the current one, and the process may still wait */
export async function commit(
  parts: CommitParts,
  assignment: Assignment,
  block: Block,
  isCurrent: () => boolean,
): Promise<CommitResult> {
  let refusals = 0;
  while (isCurrent()) {
    const heartbeatMs = parts.source.lastHeartbeatMs();
    if (parts.clock.monotonicMs() > heartbeatMs + parts.limits.lease_ms) {
      // if heartbeats go on the lease is renewed, if not the group gives the partitions away
      await parts.clock.sleep(LEASE_PAUSE_MS);
      continue;
    }
    const guard = guardOf(parts, assignment, block, heartbeatMs);
    const answer = await parts.usageLog.append(block, guard);
    switch (answer.outcome) {
      case "applied":
        if (refusals > 0) parts.log.info({ refusals }, "usage_log takes inserts again");
        return { result: "committed" };
      case "fenced":
        return { result: "lost", rule: "fence" };
      case "displaced":
        return (await commitState(parts, block)) === "applied"
          ? { result: "committed" }
          : { result: "lost", rule: "position" };
      case "expired":
        // the insert was long on its way, or the server's clock was set forward
        parts.metrics.fenced_inserts.inc({ rule: "lease" });
        assignment.serverOffsetMs = await serverOffsetMs(parts);
        break;
      case "unknown": {
        if (refusals === 0) {
          parts.log.warn(
            { cause: answer.cause },
            "an insert got no answer or no room; trying until it is in the log",
          );
        }
        await parts.retry(() => parts.usageLog.killInsert(guard.name));
        const state = await commitState(parts, block);
        if (state === "applied") return { result: "committed" };
        if (state === "elsewhere") return { result: "lost", rule: "position" };
        parts.metrics.insert_retries.inc();
        await pause(parts, refusals);
        refusals += 1;
        break;
      }
    }
  }
  return { result: "lost", rule: "assignment" };
}

/** @param before how many tries of the block were in vain before this one */
async function pause({ clock, patience }: CommitParts, before: number): Promise<void> {
  if (before === 0) return;
  await clock.sleep(Math.min(RETRY_PAUSE_MS_MIN * 2 ** (before - 1), RETRY_PAUSE_MS_MAX), patience);
}

function guardOf(parts: CommitParts, assignment: Assignment, block: Block, heartbeatMs: number): Guard {
  const batches = [...block.partitions.values()];
  const epochs = new Map(batches.map(({ partition }) => [partition, assignment.epochs.get(partition) ?? 0]));
  const first = batches[0];
  assignment.attempts++;
  const partitions = batches.map(({ partition }) => partition).join(".");
  const place = `${first?.partition}-${epochs.get(first?.partition ?? -1)}-${first?.firstOffset}`;
  return {
    owner: parts.owner,
    epochs,
    leaseUntilMs: Math.floor(heartbeatMs + assignment.serverOffsetMs + parts.limits.lease_ms),
    name: `usage_log/${partitions}/${place}/${parts.owner}/${assignment.attempts}`,
  };
}

/** elsewhere: for some partition the log ends neither where the block begins nor where it ends. */
async function commitState(parts: CommitParts, block: Block): Promise<"applied" | "absent" | "elsewhere"> {
  const batches = [...block.partitions.values()];
  const positions = await parts.retry(() =>
    parts.usageLog.positions(batches.map(({ partition }) => partition)),
  );
  if (batches.every(({ partition, lastOffset }) => positions.get(partition) === lastOffset + 1))
    return "applied";
  const isUntouched = batches.every(({ partition, firstOffset }) => {
    const position = positions.get(partition);
    return position === undefined || position === firstOffset;
  });
  return isUntouched ? "absent" : "elsewhere";
}
