import { EXIT } from "../adapters/command/exit-codes.ts";
import { currentGeneration, GENERATIONS_MAX, PARTITIONS_MAX } from "../domain/log/generations.ts";
import { type Output, output } from "./api-command.ts";
import type { TopicParts } from "./topic-parts.ts";

/** Goes on from the topic that Kafka has now, at its first offsets. */
export async function beginGeneration(parts: TopicParts, reason: string, json: boolean): Promise<Output> {
  const known = currentGeneration(await parts.generations.generations());
  if (known === undefined) {
    return refused("usage_log has read no topic yet: the first processor begins generation 0 by itself");
  }
  const found = await parts.identity();
  const generation = known.number + 1;
  if (generation >= GENERATIONS_MAX) return refused(`there are ${GENERATIONS_MAX} generations already`);
  if (found.partitions > PARTITIONS_MAX) {
    return refused(`${found.topic} has ${found.partitions} partitions, of at most ${PARTITIONS_MAX}`);
  }
  const bounds = await parts.bounds();
  const begins = new Map([...bounds].map(([partition, { low }]) => [partition, low]));
  await parts.generations.begin({ ...found, generation, begins, reason, begun_by: parts.who });
  const reply = { ...found, generation, begins: Object.fromEntries(begins), reason, begun_by: parts.who };
  const expired = [...begins].filter(([, low]) => low > 0);
  return output(reply, {
    json,
    words: () =>
      [
        `generation ${generation} begins: topic ${found.topic}, id ${found.topic_id}, in cluster ${found.cluster_id}`,
        ...expired.map(
          ([partition, low]) => `  partition ${partition} begins at ${low}: nothing before is in Kafka`,
        ),
        "Start the processors again; settlement and jobs follow by themselves or at their next start.",
      ].join("\n"),
  });
}

export const refused = (sentence: string): Output => ({
  text: `refused: ${sentence}`,
  exitCode: EXIT.failed,
});
