// A month of hours as they come about: events through Kafka, processor and settlement.

import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { ensureTopic } from "../../services/adapters/kafka/admin.ts";
import { openKafka } from "../../services/adapters/kafka/client.ts";
import { openProducer } from "../../services/adapters/kafka/producer.ts";
import { createLog } from "../../services/adapters/log/log.ts";
import { formatHour, HOUR_S, type Hour } from "../../services/domain/time/hour.ts";
import { runOnce, Service } from "../../services/local/demo/programs.ts";
import type { Stack } from "../../services/local/stack.ts";
import { record } from "../events.ts";

const TOPIC = "gpu-time-events";
const RECORDS = 40_000;
const SEND_AT_ONCE = 10_000;

export async function logMonth(
  stack: Stack,
  { from, to }: { from: Hour; to: Hour },
  say: (line: string) => void,
): Promise<void> {
  const log = createLog({ level: "warn", name: "bench" });
  const kafka = openKafka({ brokers: stack.kafkaBrokers, clientId: "bench", log });
  await ensureTopic(kafka, {
    topic: TOPIC,
    partitions: 8,
    replicas: 1,
    retentionMs: 86_400_000,
    recordBytesMax: 4_194_304,
  });
  const producer = await openProducer(kafka, TOPIC);
  for (let i = 0; i < RECORDS; i += SEND_AT_ONCE) {
    await producer.send(
      Array.from({ length: SEND_AT_ONCE }, (_, k) => record(i + k, to * 1000, (to - from) * 1000)),
    );
  }
  await producer.close();
  const env = (role: "processor" | "settlement") => ({
    METERHOUSE_LOG_LEVEL: "warn",
    METERHOUSE_METRICS_PORT: "0",
    METERHOUSE_KAFKA_BROKERS: stack.kafkaBrokers.join(),
    METERHOUSE_TOPIC: TOPIC,
    METERHOUSE_CLICKHOUSE_URL: stack.clickhouseUrl,
    METERHOUSE_CLICKHOUSE_USER: stack.users[role].user,
    METERHOUSE_CLICKHOUSE_PASSWORD: stack.users[role].password,
  });
  const processor = new Service("processor", "services/processor/main.ts", env("processor"));
  const reader = openClickHouse({ url: stack.clickhouseUrl, database: "meterhouse", ...stack.users.reader });
  for (;;) {
    const [row] = await reader.query<{ received: string }>(
      "SELECT sum(b.received) AS received FROM batches AS b",
    );
    if (Number(row?.received) >= RECORDS) break;
    processor.check();
    await systemClock.sleep(100);
  }
  await processor.end("SIGTERM");
  await reader.close();
  const began = systemClock.monotonicMs();
  const through = formatHour(to - HOUR_S);
  await runOnce("services/settlement/main.ts", ["close", "--through", through], env("settlement"));
  const took = (systemClock.monotonicMs() - began) / 1000;
  say(
    `${(to - from) / HOUR_S} hours with ${RECORDS.toLocaleString("en")} records closed and rated in ${took.toFixed(1)} s`,
  );
}
