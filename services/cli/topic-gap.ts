import { Block } from "../domain/block/block.ts";
import {
  currentGeneration,
  gapFault,
  type LogGap,
  logPartition,
  requireSameLog,
} from "../domain/log/generations.ts";
import { type Output, output } from "./api-command.ts";
import { refused } from "./topic-generation.ts";
import type { TopicParts } from "./topic-parts.ts";

const LEASE_MS = 30_000;

export interface NamedGap extends Pick<LogGap, "from_offset" | "to_offset" | "reason"> {
  /** As Kafka numbers it. */
  readonly partition: number;
}

/** Moves the position of a partition past what is lost, with a row that says who accepted it and why. */
export async function acceptGap(
  parts: TopicParts,
  { partition: kafkaPartition, ...named }: NamedGap,
  json: boolean,
): Promise<Output> {
  const { generations, usageLog } = parts;
  const generation = currentGeneration(await generations.generations());
  if (generation === undefined) return refused("usage_log has read nothing yet, so nothing is lost");
  requireSameLog(generation, await parts.identity());
  const partition = logPartition(generation.number, kafkaPartition);
  const bounds = (await parts.bounds()).get(kafkaPartition);
  if (bounds === undefined) return refused(`${parts.topic} has no partition ${kafkaPartition}`);
  const positions = await usageLog.positions([partition]);
  const position = positions.get(partition) ?? generation.begins.get(kafkaPartition) ?? 0;
  const fault = gapFault(named, { position, low: bounds.low });
  if (fault !== undefined) return refused(fault);
  const gap: LogGap = { kafka_partition: partition, ...named, accepted_by: parts.who };
  // first who and why: a position that moved without them would not tile
  await generations.acceptGap(gap);
  const [owned] = await usageLog.takeOver([partition], parts.who);
  const answer = await usageLog.append(lostBlock(gap, parts.clock.nowMs()), {
    owner: parts.who,
    epochs: new Map([[partition, owned?.epoch ?? 0]]),
    leaseUntilMs: (await usageLog.serverTimeMs()) + LEASE_MS,
    name: `usage_log/${partition}/${parts.who}/gap-${named.from_offset}`,
  });
  if (answer.outcome !== "applied") {
    return refused(
      `usage_log moved on meanwhile (${answer.outcome}): look at meterhouse topic show and ask again`,
    );
  }
  return output(gap, {
    json,
    words: () =>
      `accepted: ${gap.to_offset - gap.from_offset} offsets of partition ${kafkaPartition}, from ${gap.from_offset} on, are lost; ` +
      `usage_log goes on at ${gap.to_offset}`,
  });
}

/** No text of a producer is in the block. */
const NO_SECRET = { low: 0, high: 0 };

/** A batch of nothing: it received no record of its offsets. */
function lostBlock({ kafka_partition, from_offset, to_offset }: LogGap, nowMs: number): Block {
  const block = new Block({ block_rows_max: 1, block_bytes_max: 1 }, NO_SECRET);
  const batch = block.partition(kafka_partition, from_offset);
  batch.lastOffset = to_offset - 1;
  batch.lost = to_offset - from_offset;
  batch.ingestedAtMs = nowMs;
  return block;
}
