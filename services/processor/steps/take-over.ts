// Becomes the owner of the partitions just assigned: takes the newest epoch, kills older inserts, reads the position, rebuilds
// the memory.

import type { BlockLimits } from "../../domain/block/block.ts";
import type { DedupeLimits, DedupeMemory } from "../../domain/dedupe/memory.ts";
import type { HashKey } from "../../domain/event/keyed-hash.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { UsageLog } from "../../domain/ports/usage-log.ts";
import { HOUR_MS, type HourIndex } from "../../domain/time/hour.ts";
import { Assignment, type ServerTimeParts, serverOffsetMs } from "../stream.ts";

export interface TakeOverParts extends ServerTimeParts {
  readonly usageLog: Pick<UsageLog, "takeOver" | "recentIds" | "serverTimeMs">;
  readonly limits: BlockLimits & DedupeLimits;
  /** Names this process among all owners, before and after. */
  readonly owner: string;
  /** Secret of all hash tables over what producers choose. */
  readonly hashKey: HashKey;
  /** First offset that Kafka holds, by partition: where a partition begins that the log knows nothing of. */
  readonly lowOffsets: () => Promise<ReadonlyMap<number, number>>;
  readonly log: Log;
}

/** Undefined if a newer assignment came in the meantime: then the rest is not done. */
export async function takeOver(
  parts: TakeOverParts,
  partitions: readonly number[],
  isNewest: () => boolean,
): Promise<Assignment | undefined> {
  const { usageLog, clock, limits } = parts;
  if (!isNewest()) return undefined;
  const ownerships = await parts.retry(() => usageLog.takeOver(partitions, parts.owner));
  const offsetMs = await serverOffsetMs(parts);
  const epochs = new Map(ownerships.map(({ partition, epoch }) => [partition, epoch]));
  const lows = ownerships.some(({ position }) => position === undefined)
    ? await parts.lowOffsets()
    : new Map<number, number>();
  const positions = new Map(
    ownerships.map(({ partition, position }) => [partition, position ?? lows.get(partition) ?? 0]),
  );
  const assignment = new Assignment(limits, parts.hashKey, { epochs, positions, serverOffsetMs: offsetMs });
  const serverHour = Math.floor((clock.monotonicMs() + offsetMs) / HOUR_MS);
  for (const partition of partitions) {
    if (!isNewest()) return undefined;
    await remember(parts, assignment.memory, partition, serverHour - limits.dedupe_hours);
    assignment.memory.trim(serverHour);
  }
  const { ids } = assignment.memory.usage();
  parts.log.info(
    { partitions, epochs: Object.fromEntries(epochs), positions: Object.fromEntries(positions), ids },
    "took over",
  );
  return assignment;
}

/** An outage in the middle starts the partition's memory again: half a memory would count copies twice. */
async function remember(
  { usageLog, retry }: Pick<TakeOverParts, "usageLog" | "retry">,
  memory: DedupeMemory,
  partition: number,
  fromHour: HourIndex,
): Promise<void> {
  await retry(async () => {
    memory.open(partition, fromHour);
    for await (const { space, ids } of usageLog.recentIds(partition, fromHour)) {
      for (const knownId of ids) memory.add(partition, space, knownId.id, 0, knownId);
    }
  });
}
