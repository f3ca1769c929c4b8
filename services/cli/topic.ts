// Commands about the topic: of Kafka, and of usage_log, which the processor writes; so those have its rights.
import { userInfo } from "node:os";
import { ClickHouseLogGenerations } from "../adapters/clickhouse/log-generations.ts";
import { clickHouseUsageLog } from "../adapters/clickhouse/usage-log.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId } from "../adapters/crypto/crypto.ts";
import { logBounds } from "../adapters/kafka/admin.ts";
import { connectedKafka } from "../adapters/kafka/client.ts";
import { isUnknownTopic, noTopic } from "../adapters/kafka/outage.ts";
import { KafkaRefusal } from "../adapters/kafka/refusal.ts";
import { topicIdentity } from "../adapters/kafka/topic-identity.ts";
import { topicSettings } from "../adapters/kafka/topic-settings.ts";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { kafkaConnection } from "../adapters/process/kafka-fields.ts";
import { type OneShot, runOneShot } from "../adapters/process/one-shot.ts";
import { LogIdentityError } from "../domain/log/generations.ts";
import { TOPIC_FIELDS, TOPIC_LOG_FIELDS } from "./config.ts";
import { TOPIC_COMMANDS, type TopicAction } from "./topic-commands.ts";
import { ensure, type TopicEnsure } from "./topic-ensure-command.ts";
import type { TopicParts } from "./topic-parts.ts";

const ANSWER_MS_MAX = 30_000;
const CLIENT = "meterhouse-topic";

const requested = commandOrExit(TOPIC_COMMANDS);
if (requested.kind === "ensure") await runEnsure(requested);
else await runInLog(requested.action);

/** In Kafka alone: whoever makes the topic needs no ClickHouse. */
async function runEnsure(command: TopicEnsure): Promise<void> {
  const config = configOrExit("topic", TOPIC_FIELDS);
  const log = createLog({ level: config.log_level, name: "topic" });
  await runProcess({ log }, async (life) => {
    const work = async () => {
      const connection = { ...kafkaConnection(config), clientId: CLIENT, log };
      const kafka = await connectedKafka(connection, { clock: systemClock, signal: life.signal });
      return ensure(kafka, config, command, (line) => void process.stdout.write(`${line}\n`));
    };
    const tooLate = async () => {
      await systemClock.sleep(ANSWER_MS_MAX, life.signal);
      throw new KafkaRefusal(
        `Kafka at ${config.kafka_brokers.join()} has not answered for ${ANSWER_MS_MAX / 1000} s. ` +
          "Start it or correct METERHOUSE_KAFKA_BROKERS, then run the command again.",
      );
    };
    try {
      life.stop(await Promise.race([work(), tooLate()]));
    } catch (error) {
      if (!(error instanceof KafkaRefusal)) throw error;
      life.stop(refused(error.message));
    }
  });
}

async function runInLog(action: TopicAction): Promise<void> {
  const config = configOrExit("topic", TOPIC_LOG_FIELDS);
  await runOneShot("meterhouse", config, async (shot) => {
    const { topic } = config;
    const connection = { ...kafkaConnection(config), clientId: CLIENT, log: shot.log };
    const connected = connectedKafka(connection, { clock: shot.clock, signal: shot.life.signal });
    try {
      const { text, exitCode } = await action(partsOf(shot, topic, await shot.inTime("Kafka", connected)));
      process.stdout.write(`${text}\n`);
      return exitCode;
    } catch (error) {
      if (isUnknownTopic(error)) return refused(noTopic(topic));
      if (error instanceof LogIdentityError) return refused(error.message);
      throw error;
    }
  });
}

function partsOf(
  { clickhouse, clock, inTime }: OneShot,
  topic: string,
  kafka: Awaited<ReturnType<typeof connectedKafka>>,
): TopicParts {
  return {
    topic,
    identity: () => inTime("Kafka", topicIdentity(kafka, topic)),
    bounds: () => inTime("Kafka", logBounds(kafka, topic)),
    settings: () => inTime("Kafka", topicSettings(kafka, topic)),
    generations: new ClickHouseLogGenerations(clickhouse),
    usageLog: clickHouseUsageLog(clickhouse, clock),
    clock,
    // the same person twice at once must not be one owner
    who: `${userInfo().username}-${newId()}`,
  };
}

function refused(sentence: string): number {
  process.stderr.write(`meterhouse: ${sentence}\n`);
  return EXIT.failed;
}
