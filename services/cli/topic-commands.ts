// meterhouse topic: what it may be asked for. A new command is an entry here and its work, of type TopicAction.
import { type Command, command, Faults } from "../adapters/command/command.ts";
import { JSON_OPTION, otherwise, read, required, text, whole } from "../adapters/command/options.ts";
import { PARTITIONS_MAX } from "../domain/log/generations.ts";
import type { Output } from "./api-command.ts";
import { TOPIC_FIELDS } from "./config.ts";
import { acceptGap } from "./topic-gap.ts";
import { beginGeneration } from "./topic-generation.ts";
import type { TopicParts } from "./topic-parts.ts";
import { ensure, show } from "./topic-show.ts";

/** What a command line asks of Kafka and usage_log. */
export type TopicAction = (parts: TopicParts) => Promise<Output>;

const OFFSET_MAX = 999_999_999_999_999;
const HOUR_MS = 3_600_000;
const reason = required(text("--reason <text>", "why; stored with who and when"));
const offset = (flags: string, help: string) => required(whole(flags, help, { min: 0, max: OFFSET_MAX }));

function reasonFault(given: string): Faults | undefined {
  return given.trim() === "" ? new Faults("say why with --reason") : undefined;
}

function hours(raw: string): number | null {
  const match = /^(\d{1,5})([hd])$/.exec(raw);
  return match === null ? null : Number(match[1]) * (match[2] === "d" ? 24 : 1);
}

export const TOPIC_COMMANDS: readonly Command<TopicAction>[] = [
  command({
    name: "topic ensure",
    help: "Make the topic with the settings that Meterhouse needs, if it is not there; then check it as `topic show` does.",
    settings: TOPIC_FIELDS,
    options: {
      partitions: otherwise(
        whole("--partitions <n>", "partitions; better never changed later", { min: 1, max: PARTITIONS_MAX }),
        48,
      ),
      replicas: otherwise(whole("--replicas <n>", "copies of each record", { min: 1, max: 9 }), 3),
      retention: otherwise(
        read(
          "--retention <time>",
          "how long Kafka keeps records, such as 14d",
          hours,
          "is no time such as 14d or 36h",
        ),
        14 * 24,
      ),
      json: JSON_OPTION,
    },
    read:
      ({ partitions, replicas, retention, json }): TopicAction =>
      (parts) =>
        ensure(parts, { partitions, replicas, retentionMs: retention * HOUR_MS }, json),
  }),
  command({
    name: "topic show",
    help: "Show the topic, its generations and accepted gaps in usage_log, and what of its settings is wrong. Exits with 1 if anything is.",
    settings: TOPIC_FIELDS,
    options: { json: JSON_OPTION },
    read:
      ({ json }): TopicAction =>
      (parts) =>
        show(parts, json),
  }),
  command({
    name: "topic generation",
    help:
      "Begin a new generation: from now on usage_log is read from the topic that Kafka has now, at its first offset. " +
      "What was not read of the topic before is given up.",
    settings: TOPIC_FIELDS,
    options: { reason, json: JSON_OPTION },
    read: ({ reason: why, json }): TopicAction | Faults =>
      reasonFault(why) ?? ((parts) => beginGeneration(parts, why.trim(), json)),
  }),
  command({
    name: "topic gap",
    help: "Accept that exactly these records of a partition expired in Kafka before they were read. Anything else is refused.",
    settings: TOPIC_FIELDS,
    options: {
      partition: required(whole("--partition <n>", "Kafka's partition", { min: 0, max: PARTITIONS_MAX - 1 })),
      from: offset("--from <offset>", "first offset that is lost"),
      to: offset("--to <offset>", "first offset that is there again"),
      reason,
      json: JSON_OPTION,
    },
    read: ({ partition, from, to, reason: why, json }): TopicAction | Faults =>
      reasonFault(why) ??
      ((parts) =>
        acceptGap(parts, { partition, from_offset: from, to_offset: to, reason: why.trim() }, json)),
  }),
];
