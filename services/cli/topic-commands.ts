// meterhouse topic: what it may be asked for. A new command is an entry here and its work, of type TopicAction.
import { type Command, command, Faults } from "../adapters/command/command.ts";
import { JSON_OPTION, required, text, whole } from "../adapters/command/options.ts";
import { PARTITIONS_MAX } from "../domain/log/generations.ts";
import type { Output } from "./api-command.ts";
import { TOPIC_LOG_FIELDS } from "./config.ts";
import { TOPIC_ENSURE_COMMAND, type TopicEnsure } from "./topic-ensure-command.ts";
import { acceptGap } from "./topic-gap.ts";
import { beginGeneration } from "./topic-generation.ts";
import type { TopicParts } from "./topic-parts.ts";
import { show } from "./topic-show.ts";

/** What a command line asks of Kafka and usage_log. */
export type TopicAction = (parts: TopicParts) => Promise<Output>;

const OFFSET_MAX = 999_999_999_999_999;
const reason = required(text("--reason <text>", "why; stored with who and when"));
const offset = (flags: string, help: string) => required(whole(flags, help, { min: 0, max: OFFSET_MAX }));

function reasonFault(given: string): Faults | undefined {
  return given.trim() === "" ? new Faults("say why with --reason") : undefined;
}

/** `ensure` works in Kafka alone, the others in usage_log too. */
export type TopicRequest = TopicEnsure | { readonly kind: "log"; readonly action: TopicAction };

const inLog = (action: TopicAction): TopicRequest => ({ kind: "log", action });

export const TOPIC_COMMANDS: readonly Command<TopicRequest>[] = [
  TOPIC_ENSURE_COMMAND,
  command({
    name: "topic show",
    help: "Show the topic, its generations and accepted gaps in usage_log, and what of its settings is wrong. Exits with 1 if anything is.",
    settings: TOPIC_LOG_FIELDS,
    options: { json: JSON_OPTION },
    read: ({ json }) => inLog((parts) => show(parts, json)),
  }),
  command({
    name: "topic generation",
    help:
      "Begin a new generation: from now on usage_log is read from the topic that Kafka has now, at its first offset. " +
      "What was not read of the topic before is given up.",
    settings: TOPIC_LOG_FIELDS,
    options: { reason, json: JSON_OPTION },
    read: ({ reason: why, json }): TopicRequest | Faults =>
      reasonFault(why) ?? inLog((parts) => beginGeneration(parts, why.trim(), json)),
  }),
  command({
    name: "topic gap",
    help: "Accept that exactly these records of a partition expired in Kafka before they were read. Anything else is refused.",
    settings: TOPIC_LOG_FIELDS,
    options: {
      partition: required(whole("--partition <n>", "Kafka's partition", { min: 0, max: PARTITIONS_MAX - 1 })),
      from: offset("--from <offset>", "first offset that is lost"),
      to: offset("--to <offset>", "first offset that is there again"),
      reason,
      json: JSON_OPTION,
    },
    read: ({ partition, from, to, reason: why, json }): TopicRequest | Faults =>
      reasonFault(why) ??
      inLog((parts) =>
        acceptGap(parts, { partition, from_offset: from, to_offset: to, reason: why.trim() }, json),
      ),
  }),
];
