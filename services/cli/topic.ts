// Commands about the topic: of Kafka and of usage_log, which the processor writes; so they have its rights.
import { userInfo } from "node:os";
import { ClickHouseLogGenerations } from "../adapters/clickhouse/log-generations.ts";
import { clickHouseUsageLog } from "../adapters/clickhouse/usage-log.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId } from "../adapters/crypto/crypto.ts";
import { ensureTopic, logBounds } from "../adapters/kafka/admin.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { isUnknownTopic, noTopic } from "../adapters/kafka/outage.ts";
import { topicIdentity } from "../adapters/kafka/topic-identity.ts";
import { topicSettings } from "../adapters/kafka/topic-settings.ts";
import { type OneShot, runOneShot } from "../adapters/process/one-shot.ts";
import { LogIdentityError } from "../domain/log/generations.ts";
import { TOPIC_FIELDS } from "./config.ts";
import { TOPIC_COMMANDS } from "./topic-commands.ts";
import type { TopicParts } from "./topic-parts.ts";

const action = commandOrExit(TOPIC_COMMANDS);
const config = configOrExit("meterhouse", TOPIC_FIELDS);

await runOneShot("meterhouse", config, async (shot) => {
  try {
    const { text, exitCode } = await action(partsOf(shot));
    process.stdout.write(`${text}\n`);
    return exitCode;
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence === undefined) throw error;
    process.stderr.write(`meterhouse: ${sentence}\n`);
    return EXIT.failed;
  }
});

function partsOf({ clickhouse, clock, log, inTime }: OneShot): TopicParts {
  const { topic, kafka_brokers: brokers } = config;
  const kafka = openKafka({ brokers, clientId: "meterhouse-topic", log });
  return {
    topic,
    identity: () => inTime("Kafka", topicIdentity(kafka, topic)),
    bounds: () => inTime("Kafka", logBounds(kafka, topic)),
    settings: () => inTime("Kafka", topicSettings(kafka, topic)),
    ensure: (options) => inTime("Kafka", ensureTopic(kafka, { topic, ...options })),
    generations: new ClickHouseLogGenerations(clickhouse),
    usageLog: clickHouseUsageLog(clickhouse, clock),
    clock,
    // the same person twice at once must not be one owner
    who: `${userInfo().username}-${newId()}`,
  };
}

function sentenceOf(error: unknown): string | undefined {
  if (isUnknownTopic(error)) return noTopic(config.topic);
  return error instanceof LogIdentityError ? error.message : undefined;
}
