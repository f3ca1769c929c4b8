// A sealed block into usage_log, once: late ids are looked up first, and every answer that is not "applied" is settled by
// reading the position, which moves together with the rows.
import type { Block } from "../../domain/block/block.ts";
import type { LateRecord } from "../../domain/block/intake.ts";
import { bytesOf, type IdMap, idMap } from "../../domain/dedupe/id-map.ts";
import { ID_SPACES } from "../../domain/dedupe/memory.ts";
import type { Guard } from "../../domain/ports/usage-log.ts";
import { type Assignment, type StreamParts, serverOffsetMs } from "../stream.ts";

export interface Sealed {
  readonly block: Block;
  readonly late: readonly LateRecord[];
}

/** committed: the block is in the log. lost: another owner has the partitions, or the log moved on without us. */
export type CommitResult =
  | { readonly result: "committed" }
  | { readonly result: "lost"; readonly rule: string };

export interface CommitContext {
  /** Monotonic milliseconds of the last heartbeat. */
  readonly lastHeartbeatMs: () => number;
  /** Whether this assignment is still the current one, and the process may still wait. */
  readonly isCurrent: () => boolean;
}

const LEASE_PAUSE_MS = 200;

export async function commit(
  parts: StreamParts,
  assignment: Assignment,
  sealed: Sealed,
  context: CommitContext,
): Promise<CommitResult> {
  const { block } = sealed;
  await settleLate(parts, sealed);
  while (context.isCurrent()) {
    const heartbeatMs = context.lastHeartbeatMs();
    if (parts.clock.monotonicMs() > heartbeatMs + parts.limits.lease_ms) {
      // if heartbeats go on the lease is renewed, if not the group gives the partitions away
      await parts.clock.sleep(LEASE_PAUSE_MS);
      continue;
    }
    const guard = guardOf(parts, assignment, block, heartbeatMs);
    const appended = await parts.usageLog.append(block, guard);
    switch (appended.outcome) {
      case "applied":
        return { result: "committed" };
      case "fenced":
        return { result: "lost", rule: "fence" };
      case "displaced":
        return (await whereIs(parts, block)) === "applied"
          ? { result: "committed" }
          : { result: "lost", rule: "position" };
      case "expired":
        // the insert was long on its way, or the server's clock was set forward
        parts.metrics.fenced_inserts.inc({ rule: "lease" });
        assignment.serverOffsetMs = await serverOffsetMs(parts);
        break;
      case "unknown": {
        parts.log.warn({ cause: appended.cause }, "an insert got no answer; reading the position");
        await parts.retry(() => parts.usageLog.settle(guard.name));
        const where = await whereIs(parts, block);
        if (where === "applied") return { result: "committed" };
        if (where === "elsewhere") return { result: "lost", rule: "position" };
        break;
      }
    }
  }
  return { result: "lost", rule: "assignment" };
}

/** Asks usage_log for ids of hours that are not remembered. The block before is in the log by now: it is seen. */
async function settleLate(parts: StreamParts, { block, late }: Sealed): Promise<void> {
  if (late.length === 0) return;
  const known = new Map<string, IdMap>();
  for (const space of ID_SPACES) {
    const ids = late.filter((record) => record.space === space).map((record) => record.id);
    if (ids.length === 0) continue;
    parts.metrics.late_lookups.inc(ids.length);
    const found = await parts.retry(() => parts.usageLog.lookUp(space, ids));
    known.set(space, idMap(found));
  }
  parts.intake.takeLate(block, late, (space, id) => known.get(space)?.get(bytesOf(id)));
}

function guardOf(parts: StreamParts, assignment: Assignment, block: Block, heartbeatMs: number): Guard {
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

async function whereIs(parts: StreamParts, block: Block): Promise<"applied" | "absent" | "elsewhere"> {
  const batches = [...block.partitions.values()];
  const positions = await parts.retry(() =>
    parts.usageLog.positions(batches.map(({ partition }) => partition)),
  );
  if (batches.every(({ partition, lastOffset }) => positions.get(partition) === lastOffset + 1))
    return "applied";
  const untouched = batches.every(({ partition, firstOffset }) => {
    const position = positions.get(partition);
    return position === undefined || position === firstOffset;
  });
  return untouched ? "absent" : "elsewhere";
}
