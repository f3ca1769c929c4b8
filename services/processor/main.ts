// Kafka -> usage_log. Starts its parts in order; what they do together is in pipeline.ts.

import { randomBytes, randomInt } from "node:crypto";
import { hostname } from "node:os";
import { createRecordReader } from "../adapters/avro/reader.ts";
import { loadSchemas } from "../adapters/avro/schemas.ts";
import { ClickHouseLogGenerations } from "../adapters/clickhouse/log-generations.ts";
import { payloadHasher } from "../adapters/clickhouse/payload-hash-key.ts";
import { clickHouseUsageLog } from "../adapters/clickhouse/usage-log.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { logBounds } from "../adapters/kafka/admin.ts";
import { connectedKafka } from "../adapters/kafka/client.ts";
import { isUnknownTopic, noTopic } from "../adapters/kafka/outage.ts";
import { KafkaSource, type RecordHandlers } from "../adapters/kafka/source.ts";
import { topicIdentity } from "../adapters/kafka/topic-identity.ts";
import { topicFaults, topicSettings } from "../adapters/kafka/topic-settings.ts";
import { kafkaConnection } from "../adapters/process/kafka-fields.ts";
import { runService } from "../adapters/process/service.ts";
import { Intake } from "../domain/block/intake.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";
import { COMMANDS } from "./command.ts";
import { FIELDS } from "./config.ts";
import { Pipeline } from "./pipeline.ts";
import { identify } from "./steps/identify.ts";
import { TopicWatch } from "./topic-watch.ts";
import { trustConflict, trustOf, trustWarnings } from "./trust.ts";

const LEASE_PARTS = 0.7;
/** How long a stopping process waits for ClickHouse. */
const LAST_INSERT_MS_MAX = 5_000;

commandOrExit(COMMANDS);
const config = configOrExit("processor", FIELDS);
const reader = createRecordReader({
  schemas: loadSchemas(),
  confluentIds: config.confluent_ids ?? new Map<number, string>(),
});
const conflict = trustConflict(config);
if (conflict !== undefined) {
  process.stderr.write(`processor: ${conflict}\n`);
  process.exit(EXIT.usage);
}
const trust = trustOf(config);
const fetchBytesMaxPerPartition = Math.ceil(config.fetch_bytes_max / 4);
const AGE = { age_max_ms: config.event_age_max_ms };
const PARTS = {
  limits: { ...config, lease_ms: config.session_timeout_ms * LEASE_PARTS },
  owner: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
  hashKey: { low: randomInt(2 ** 32), high: randomInt(2 ** 32) },
};

await runService("processor", config, async ({ life, log, clock, metrics, clickhouse, retry, notReady }) => {
  for (const warning of trustWarnings(trust)) log.warn({}, warning);
  const taken = notReady("no Kafka partition has been taken over yet");
  const connection = { ...kafkaConnection(config), clientId: "meterhouse-processor", log };
  const kafka = await connectedKafka(connection, { clock, signal: life.signal });
  const source = openSource(kafka, { log, clock });
  const patience = new AbortController();
  const usageLog = clickHouseUsageLog(clickhouse, clock);
  const retrying = <T>(attempt: () => Promise<T>) => retry(attempt, patience.signal);
  const found = () => topicIdentity(kafka, config.topic);
  const watch = new TopicWatch({
    found,
    clock,
    fail: (error) => life.fail(error),
    everyMs: config.topic_refresh_ms,
  });
  const known = {
    generations: new ClickHouseLogGenerations(clickhouse),
    usageLog,
    found,
    bounds: () => logBounds(kafka, config.topic),
    retry: retrying,
    log,
    owner: PARTS.owner,
    misplaced: config.misplaced_records,
  };
  const hashPayload = await retrying(() => payloadHasher(clickhouse));
  const pipeline = new Pipeline({
    ...PARTS,
    intake: new Intake(reader, AGE, trust, hashPayload, config.misplaced_records),
    clock,
    log,
    usageLog,
    metrics,
    retry: retrying,
    patience: patience.signal,
    source,
    identify: async () => watch.expect(await identify(known)),
    fail: (error) => life.fail(error),
  });
  const handlers: RecordHandlers = {
    records: (...records) => pipeline.records(...records),
    heard: (...bounds) => pipeline.heard(...bounds),
    async assigned(partitions) {
      const positions = await pipeline.assigned(partitions);
      taken();
      return positions;
    },
  };
  await checkTopic(kafka, log);
  await life.start(
    "topic watch",
    async () => watch.start(),
    async () => watch.stop(),
  );
  await life.start(
    "stream",
    () => life.watch("stream", source.run(handlers)),
    async () => {
      const inTime = new AbortController();
      const giveUp = (): void => patience.abort(life.signal.reason);
      clock.sleep(LAST_INSERT_MS_MAX, inTime.signal).then(giveUp, giveUp);
      // while still a member of the group: nobody else takes over what is on its way
      await pipeline.close();
      inTime.abort();
      await source.stop();
    },
  );
});

type Kafka = Awaited<ReturnType<typeof connectedKafka>>;

/** @throws if the topic has wrong settings and METERHOUSE_TOPIC_CHECK says to refuse it */
async function checkTopic(kafka: Kafka, log: Log): Promise<void> {
  if (config.topic_check === "off") return;
  const settings = await topicSettings(kafka, config.topic).catch((error: unknown) => {
    throw isUnknownTopic(error) ? new Error(noTopic(config.topic)) : error;
  });
  const faults = topicFaults(settings, fetchBytesMaxPerPartition);
  for (const { setting, sentence } of faults)
    log.warn({ setting }, `the topic ${config.topic} has a wrong setting: ${sentence}`);
  if (faults.length > 0 && config.topic_check === "refuse") {
    throw new Error(
      `The topic ${config.topic} has wrong settings: ${faults.map((it) => `${it.setting}: ${it.sentence}`).join("; ")}. ` +
        "Alter them, or set METERHOUSE_TOPIC_CHECK=warn.",
    );
  }
}

function openSource(kafka: Kafka, parts: { log: Log; clock: Clock }): KafkaSource {
  return new KafkaSource({
    kafka,
    topic: config.topic,
    groupId: config.consumer_group,
    ...parts,
    sessionTimeoutMs: config.session_timeout_ms,
    fetchBytesMax: config.fetch_bytes_max,
    fetchBytesMaxPerPartition,
    batchBytesMax: config.batch_bytes_max,
    metadataMsMax: config.topic_refresh_ms,
  });
}
