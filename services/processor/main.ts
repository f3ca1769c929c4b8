// Kafka -> usage_log. Starts its parts in order; what they do together is in pipeline.ts.
import { randomBytes, randomInt } from "node:crypto";
import { hostname } from "node:os";
import { createRecordReader } from "../adapters/avro/reader.ts";
import { confluentIds, loadSchemas } from "../adapters/avro/schemas.ts";
import { openClickHouse } from "../adapters/clickhouse/client.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { clickHouseUsageLog } from "../adapters/clickhouse/usage-log.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { startOpsServer } from "../adapters/http/ops.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { KafkaSource, watermarks } from "../adapters/kafka/source.ts";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { createMetrics } from "../adapters/metrics/metrics.ts";
import { retryForever } from "../adapters/retry/retry.ts";
import { Intake } from "../domain/block/intake.ts";
import { FIELDS } from "./config.ts";
import { createPipeline } from "./pipeline.ts";

const LEASE_PARTS = 0.7;

const config = configOrExit("processor", FIELDS);
const log = createLog({ level: config.log_level, name: "processor" });
const clock = systemClock;

await runProcess({ log }, async (life) => {
  const metrics = createMetrics("processor");
  const retry = <T>(attempt: () => Promise<T>): Promise<T> =>
    retryForever("ClickHouse", attempt, { isRetriable, log, clock, signal: life.signal });
  const reader = createRecordReader({
    schemas: loadSchemas(),
    confluentIds: confluentIds(config.confluent_ids ?? []),
  });
  let ready = false;
  await life.start(
    "ops server",
    () =>
      startOpsServer({
        host: config.metrics_host,
        port: config.metrics_port,
        metrics,
        notReady: () => (ready ? [] : ["no Kafka partition has been taken over yet"]),
      }),
    (server) => server.close(),
  );
  const client = await life.start(
    "ClickHouse",
    () =>
      openClickHouse({
        url: config.clickhouse_url,
        database: config.clickhouse_database,
        user: config.clickhouse_user,
        password: config.clickhouse_password.reveal(),
      }),
    (it) => it.close(),
  );
  await retry(() => client.ping());
  const kafka = openKafka({ brokers: config.kafka_brokers, clientId: "meterhouse-processor", log });
  const source = new KafkaSource({
    kafka,
    topic: config.topic,
    groupId: config.consumer_group,
    clock,
    log,
    sessionTimeoutMs: config.session_timeout_ms,
    fetchBytesMax: config.fetch_bytes_max,
    fetchBytesMaxPerPartition: Math.ceil(config.fetch_bytes_max / 4),
  });
  const pipeline = createPipeline({
    usageLog: clickHouseUsageLog(client, clock),
    intake: new Intake(reader, { age_max_ms: config.event_age_max_ms }),
    limits: { ...config, lease_ms: config.session_timeout_ms * LEASE_PARTS },
    owner: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
    seed: randomInt(2 ** 32),
    clock,
    log,
    metrics,
    retry,
    source,
    lowOffsets: async () =>
      new Map([...(await watermarks(kafka, config.topic))].map(([partition, { low }]) => [partition, low])),
    fail: (error) => life.fail(error),
  });
  await life.start(
    "stream",
    () => {
      life.watch(
        "stream",
        source.run({
          ...pipeline,
          async assigned(partitions) {
            const positions = await pipeline.assigned(partitions);
            ready = true;
            return positions;
          },
        }),
      );
    },
    async () => {
      await source.stop();
      await pipeline.flush();
    },
  );
});
