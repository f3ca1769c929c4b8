// Becomes the owner of the partitions just assigned: newest epoch, older inserts ended, position read, memory rebuilt.
import { HOUR_MS } from "../../domain/event/id.ts";
import { ID_SPACES } from "../../domain/dedupe/memory.ts";
import { Assignment, type StreamParts } from "../stream.ts";

/** First offset that Kafka holds, by partition: where a partition begins that the log knows nothing of. */
export type LowOffsets = () => Promise<ReadonlyMap<number, number>>;

export async function takeOver(
  parts: StreamParts,
  partitions: readonly number[],
  lowOffsets: LowOffsets,
): Promise<Assignment> {
  const { usageLog, clock, log, limits } = parts;
  const owned = await parts.retry(() => usageLog.takeOver(partitions, parts.owner));
  const serverMs = await parts.retry(() => usageLog.serverTimeMs());
  const serverOffsetMs = serverMs - clock.monotonicMs();
  const epochs = new Map(owned.map(({ partition, epoch }) => [partition, epoch]));
  const lows = owned.some(({ position }) => position === undefined)
    ? await lowOffsets()
    : new Map<number, number>();
  const next = new Map(
    owned.map(({ partition, position }) => [partition, position ?? lows.get(partition) ?? 0]),
  );
  const assignment = new Assignment(parts, epochs, next, serverOffsetMs);
  const fromHour = Math.floor(serverMs / HOUR_MS) - limits.dedupe_hours;
  for (const partition of partitions) await remember(parts, assignment, partition, fromHour);
  const { ids } = assignment.memory.usage();
  log.info(
    { partitions, epochs: Object.fromEntries(epochs), positions: Object.fromEntries(next), ids },
    "took over",
  );
  return assignment;
}

/** An outage in the middle starts the partition's memory again: half a memory would count copies twice. */
async function remember(
  parts: StreamParts,
  { memory }: Assignment,
  partition: number,
  fromHour: number,
): Promise<void> {
  await parts.retry(async () => {
    memory.open(partition, fromHour);
    for await (const { space, ids } of parts.usageLog.recentIds(partition, fromHour)) {
      const number = ID_SPACES.indexOf(space);
      for (const { id, low, high } of ids) memory.add(partition, number, id, 0, low, high);
    }
  });
}
