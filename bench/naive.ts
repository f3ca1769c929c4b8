// What most would write: eachMessage, avsc objects, a Set of ids, JSONEachRow in batches of 10,000 rows. No fence, no exactly-once, no
// windows, no rejects: it does less. Prints a JSON line when it has started and one when all is in.
import { createClient } from "@clickhouse/client";
import avro from "avsc";
import { Kafka, logLevel } from "kafkajs";
import { loadSchemas } from "../services/adapters/avro/schemas.ts";
import { environment } from "../services/adapters/config/start.ts";

const BATCH_ROWS = 10_000;
const SINGLE_OBJECT_HEADER = 10;
const env = environment();
const expected = Number(env["BENCH_RECORDS"]);
const topic = String(env["METERHOUSE_TOPIC"]);
const type = avro.Type.forSchema(
  loadSchemas().findLast((schema) => schema.record === "gpu_time_event")?.schema as avro.Schema,
);
const client = createClient({
  url: String(env["METERHOUSE_CLICKHOUSE_URL"]),
  database: String(env["METERHOUSE_CLICKHOUSE_DATABASE"]),
  username: String(env["METERHOUSE_CLICKHOUSE_USER"]),
  password: String(env["METERHOUSE_CLICKHOUSE_PASSWORD"]),
  clickhouse_settings: { async_insert: 0 },
});
const kafka = new Kafka({
  clientId: "naive",
  brokers: [String(env["METERHOUSE_KAFKA_BROKERS"])],
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({
  groupId: `naive-${process.pid}`,
  maxBytes: 16_777_216,
  maxBytesPerPartition: 4_194_304,
});

interface Event {
  event_id: Buffer;
  started_at: number;
  ended_at: number;
  [field: string]: unknown;
}

const seen = new Set<string>();
let rows: object[] = [];
let received = 0;

consumer.on(consumer.events.GROUP_JOIN, () => say({ started: true }));
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  partitionsConsumedConcurrently: 4,
  eachMessage: async ({ partition, message }) => {
    const event = type.fromBuffer((message.value as Buffer).subarray(SINGLE_OBJECT_HEADER)) as Event;
    const id = event.event_id.toString("hex");
    if (!seen.has(id)) {
      seen.add(id);
      rows.push({ ...event, event_id: id, kafka_partition: partition, kafka_offset: message.offset });
    }
    received++;
    if (rows.length >= BATCH_ROWS || received === expected) {
      const batch = rows;
      rows = [];
      await client.insert({ table: "naive_events", values: batch, format: "JSONEachRow" });
    }
    if (received === expected)
      say({ done: true, cpu: process.cpuUsage(), rss: process.resourceUsage().maxRSS });
  },
});

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
