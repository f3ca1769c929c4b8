// Becomes the owner of the partitions just assigned: takes the newest epoch, kills older inserts, reads the position, rebuilds
// the memory.

import type { BlockLimits } from "../../domain/block/block.ts";
import type { Homes } from "../../domain/dedupe/home.ts";
import type { DedupeLimits, DedupeMemory } from "../../domain/dedupe/memory.ts";
import type { HashKey } from "../../domain/event/keyed-hash.ts";
import { type Generation, kafkaPartition, logPartition } from "../../domain/log/generations.ts";
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
  /** The generation that Kafka's topic is. @throws LogIdentityError if usage_log goes on from another one */
  readonly identify: () => Promise<Generation>;
  readonly log: Log;
}

/**
 * Undefined if a newer assignment came in the meantime: then the rest is not done.
 * @param kafkaPartitions as Kafka numbers them; everything of the assignment has usage_log's numbers
 */
export async function takeOver(
  parts: TakeOverParts,
  kafkaPartitions: readonly number[],
  isNewest: () => boolean,
): Promise<Assignment | undefined> {
  const { usageLog, clock, limits } = parts;
  if (!isNewest()) return undefined;
  const generation = await parts.identify();
  if (!isNewest()) return undefined;
  const partitions = kafkaPartitions.map((partition) => logPartition(generation.number, partition));
  const ownerships = await parts.retry(() => usageLog.takeOver(partitions, parts.owner));
  const offsetMs = await serverOffsetMs(parts);
  const epochs = new Map(ownerships.map(({ partition, epoch }) => [partition, epoch]));
  const begin = (partition: number) => generation.begins.get(kafkaPartition(partition)) ?? 0;
  const positions = new Map(
    ownerships.map(({ partition, position }) => [partition, position ?? begin(partition)]),
  );
  const homes = { first: logPartition(generation.number, 0), partitions: generation.identity.partitions };
  const start = { generation: generation.number, homes, epochs, positions, serverOffsetMs: offsetMs };
  const assignment = new Assignment(limits, parts.hashKey, start);
  const serverHour = Math.floor((clock.monotonicMs() + offsetMs) / HOUR_MS);
  for (const partition of partitions) {
    if (!isNewest()) return undefined;
    await remember(parts, assignment.memory, {
      partition,
      homes,
      fromHour: serverHour - limits.dedupe_hours,
    });
    assignment.memory.trim(serverHour);
  }
  const { ids } = assignment.memory.usage();
  parts.log.info(
    {
      partitions,
      generation: generation.number,
      epochs: Object.fromEntries(epochs),
      positions: Object.fromEntries(positions),
      ids,
    },
    "took over",
  );
  return assignment;
}

/** An outage in the middle starts the partition's memory again: half a memory would count copies twice. */
async function remember(
  { usageLog, retry }: Pick<TakeOverParts, "usageLog" | "retry">,
  memory: DedupeMemory,
  { partition, homes, fromHour }: { partition: number; homes: Homes; fromHour: HourIndex },
): Promise<void> {
  await retry(async () => {
    memory.open(partition, fromHour);
    for await (const { space, ids } of usageLog.recentIds(partition, homes, fromHour)) {
      for (const knownId of ids) memory.add(partition, space, knownId.id, 0, knownId);
    }
  });
}
