// Kafka -> usage_log. Starts its parts in order; what they do together is in pipeline.ts.

import { randomBytes, randomInt } from "node:crypto";
import { hostname } from "node:os";
import { createRecordReader } from "../adapters/avro/reader.ts";
import { loadSchemas } from "../adapters/avro/schemas.ts";
import { payloadHasher } from "../adapters/clickhouse/payload-hash-key.ts";
import { clickHouseUsageLog } from "../adapters/clickhouse/usage-log.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { logBounds } from "../adapters/kafka/admin.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { KafkaSource, type RecordHandlers } from "../adapters/kafka/source.ts";
import { runService } from "../adapters/process/service.ts";
import { Intake } from "../domain/block/intake.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";
import { COMMANDS } from "./command.ts";
import { FIELDS } from "./config.ts";
import { Pipeline } from "./pipeline.ts";
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
const PARTS = {
  limits: { ...config, lease_ms: config.session_timeout_ms * LEASE_PARTS },
  owner: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
  seed: randomInt(2 ** 32),
};

await runService("processor", config, async ({ life, log, clock, metrics, clickhouse, retry, notReady }) => {
  for (const warning of trustWarnings(trust)) log.warn({}, warning);
  const taken = notReady("no Kafka partition has been taken over yet");
  const kafka = openKafka({ brokers: config.kafka_brokers, clientId: "meterhouse-processor", log });
  const source = openSource(kafka, { log, clock });
  const patience = new AbortController();
  const hashPayload = await retry(() => payloadHasher(clickhouse));
  const pipeline = new Pipeline({
    ...PARTS,
    intake: new Intake(reader, { age_max_ms: config.event_age_max_ms }, trust, hashPayload),
    clock,
    log,
    usageLog: clickHouseUsageLog(clickhouse, clock),
    metrics,
    retry: (attempt) => retry(attempt, patience.signal),
    patience: patience.signal,
    source,
    lowOffsets: async () =>
      new Map([...(await logBounds(kafka, config.topic))].map(([partition, { low }]) => [partition, low])),
    fail: (error) => life.fail(error),
  });
  const handlers: RecordHandlers = {
    records: (...records) => pipeline.records(...records),
    async assigned(partitions) {
      const positions = await pipeline.assigned(partitions);
      taken();
      return positions;
    },
  };
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

function openSource(kafka: ReturnType<typeof openKafka>, parts: { log: Log; clock: Clock }): KafkaSource {
  return new KafkaSource({
    kafka,
    topic: config.topic,
    groupId: config.consumer_group,
    ...parts,
    sessionTimeoutMs: config.session_timeout_ms,
    fetchBytesMax: config.fetch_bytes_max,
    fetchBytesMaxPerPartition: Math.ceil(config.fetch_bytes_max / 4),
    batchBytesMax: config.batch_bytes_max,
  });
}
