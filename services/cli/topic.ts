import { systemClock } from "../adapters/clock/clock.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { connectedKafka } from "../adapters/kafka/client.ts";
import { KafkaRefusal } from "../adapters/kafka/refusal.ts";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { kafkaConnection } from "../adapters/process/kafka-fields.ts";
import { TOPIC_FIELDS } from "./config.ts";
import { ensure, TOPIC_ENSURE_COMMAND } from "./topic-ensure-command.ts";

const ANSWER_MS_MAX = 30_000;

const requested = commandOrExit([TOPIC_ENSURE_COMMAND]);
const config = configOrExit("topic", TOPIC_FIELDS);
const log = createLog({ level: config.log_level, name: "topic" });

await runProcess({ log }, async (life) => {
  const work = async () => {
    const connection = { ...kafkaConnection(config), clientId: "meterhouse-topic", log };
    const kafka = await connectedKafka(connection, { clock: systemClock, signal: life.signal });
    return ensure(kafka, config, requested, (line) => void process.stdout.write(`${line}\n`));
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
    process.stderr.write(`meterhouse: ${error.message}\n`);
    life.stop(EXIT.failed);
  }
});
