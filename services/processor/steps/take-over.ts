// Becomes the owner of the partitions just assigned: newest epoch, older inserts ended, position read, memory rebuilt.

import { ID_SPACES } from "../../domain/dedupe/memory.ts";
import { HOUR_MS } from "../../domain/event/id.ts";
import { Assignment, type StreamParts, serverOffsetMs } from "../stream.ts";

/** Undefined if a newer assignment came in the meantime: then the rest is not done. */
export async function takeOver(
  parts: StreamParts,
  partitions: readonly number[],
  isNewest: () => boolean,
): Promise<Assignment | undefined> {
  const { usageLog, clock, log, limits } = parts;
  if (!isNewest()) return undefined;
  const owned = await parts.retry(() => usageLog.takeOver(partitions, parts.owner));
  const offsetMs = await serverOffsetMs(parts);
  const epochs = new Map(owned.map(({ partition, epoch }) => [partition, epoch]));
  const lows = owned.some(({ position }) => position === undefined)
    ? await parts.lowOffsets()
    : new Map<number, number>();
  const next = new Map(
    owned.map(({ partition, position }) => [partition, position ?? lows.get(partition) ?? 0]),
  );
  const assignment = new Assignment(parts, epochs, next, offsetMs);
  const serverHour = Math.floor((clock.monotonicMs() + offsetMs) / HOUR_MS);
  for (const partition of partitions) {
    if (!isNewest()) return undefined;
    await remember(parts, assignment, partition, serverHour - limits.dedupe_hours);
    assignment.memory.trim(serverHour);
  }
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
