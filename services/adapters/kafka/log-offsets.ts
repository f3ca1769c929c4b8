// Kafka's offsets by time, in the partitions of usage_log: for what closes hours and drops days by them.
import type { Kafka } from "kafkajs";
import { currentGeneration, logPartition, requireSameLog } from "../../domain/log/generations.ts";
import type { LogGenerations } from "../../domain/ports/log-generations.ts";
import { offsetsAt } from "./admin.ts";
import { topicIdentity } from "./topic-identity.ts";

export interface LogOffsetsParts {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly generations: Pick<LogGenerations, "generations">;
}

/**
 * By partition of usage_log, the first offset that was appended at `timeMs` or later; the end where there is none yet. Partitions
 * of earlier generations are not among them: nothing more comes of these.
 * @throws LogIdentityError if the topic is not the one that usage_log was read from
 */
export async function logOffsetsAt(
  { kafka, topic, generations }: LogOffsetsParts,
  timeMs: number,
): Promise<Map<number, number>> {
  const generation = currentGeneration(await generations.generations());
  if (generation !== undefined) requireSameLog(generation, await topicIdentity(kafka, topic));
  const offsets = await offsetsAt(kafka, topic, timeMs);
  return new Map(
    [...offsets].map(([partition, offset]) => [logPartition(generation?.number ?? 0, partition), offset]),
  );
}
