import { type TopicFault, type TopicSettings, topicFaults } from "../adapters/kafka/topic-settings.ts";
import {
  currentGeneration,
  type GenerationRow,
  identityFault,
  type LogGap,
  type TopicIdentity,
} from "../domain/log/generations.ts";
import { type Output, output } from "./api-command.ts";
import type { TopicParts } from "./topic-parts.ts";

interface Shown {
  readonly identity: TopicIdentity;
  readonly settings: TopicSettings;
  readonly generations: readonly (Omit<GenerationRow, "begins"> & {
    readonly begins: Record<string, number>;
  })[];
  readonly gaps: readonly LogGap[];
  readonly faults: readonly TopicFault[];
}

export async function show(parts: TopicParts, json: boolean): Promise<Output> {
  const identity = await parts.identity();
  const settings = await parts.settings();
  const rows = await parts.generations.generations();
  const known = currentGeneration(rows);
  const fault = known === undefined ? undefined : identityFault(known, identity);
  const faults = [
    ...(fault === undefined ? [] : [{ setting: "identity", sentence: fault }]),
    ...topicFaults(settings),
  ];
  const generations = rows.map((row) => ({ ...row, begins: Object.fromEntries(row.begins) }));
  const shown = { identity, settings, generations, gaps: await parts.generations.gaps(), faults };
  return output(shown, { json, words: wordsOf, isGood: faults.length === 0 });
}

function wordsOf({ identity, settings, generations, gaps, faults }: Shown): string {
  return [
    `topic ${identity.topic}, id ${identity.topic_id}, ${identity.partitions} partitions, in cluster ${identity.cluster_id}`,
    ...Object.entries(settings).map(([name, value]) => `  ${name} ${value}`),
    ...generations.map(
      (row) =>
        `generation ${row.generation}: topic ${row.topic}, id ${row.topic_id}: ${row.reason} (${row.begun_by})`,
    ),
    ...gaps.map(
      (gap) =>
        `gap in partition ${gap.kafka_partition} of usage_log, offsets ${gap.from_offset} to ${gap.to_offset}: ` +
        `${gap.reason} (${gap.accepted_by})`,
    ),
    ...faults.map(({ setting, sentence }) => `WRONG ${setting}: ${sentence}`),
  ].join("\n");
}
