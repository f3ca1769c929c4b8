// npm run bench [-- --json] [-- --records N] [-- --rounds N]: Meterhouse's processor, the naive pipeline and the ceiling, in turn, on one
// broker and one engine. What counts is the ratios of one run.
import { parseArgs } from "node:util";
import { migrate, openForMigration } from "../services/adapters/clickhouse/migrate.ts";
import { systemClock } from "../services/adapters/clock/clock.ts";
import { ensureTopic } from "../services/adapters/kafka/admin.ts";
import { openKafka } from "../services/adapters/kafka/client.ts";
import { openProducer } from "../services/adapters/kafka/producer.ts";
import { createLog } from "../services/adapters/log/log.ts";
import { startStack } from "../services/local/stack.ts";
import { prepareBlocks, runCeiling } from "./ceiling.ts";
import { dedupeBytesPerId } from "./dedupe.ts";
import { record } from "./events.ts";
import { report } from "./report.ts";
import { type Figures, runNaive, runProcessor } from "./sides.ts";
import { createTables, readNaiveTable } from "./tables.ts";

const SEND_AT_ONCE = 10_000;
const CEILING_RECORDS = 500_000;
const SPAN_MS = 20 * 60_000;
const TOPIC = "bench-events";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    records: { type: "string", default: "2000000" },
    rounds: { type: "string", default: "3" },
  },
});
const records = Number(values.records);
const rounds = Number(values.rounds);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const stack = await startStack();
try {
  const log = createLog({ level: "warn", name: "bench" });
  const { migrate: owner } = stack.users;
  const admin = await openForMigration({ url: stack.clickhouseUrl, database: "meterhouse", ...owner });
  await migrate(admin, new URL("../clickhouse/migrations/", import.meta.url).pathname);
  await createTables(admin, readNaiveTable());
  const kafka = openKafka({ brokers: stack.kafkaBrokers, clientId: "bench", log });
  await ensureTopic(kafka, {
    topic: TOPIC,
    partitions: 8,
    replicas: 1,
    retentionMs: 86_400_000,
    recordBytesMax: 4_194_304,
  });
  const endMs = systemClock.nowMs();
  await produce();
  say("preparing blocks for the ceiling");
  const blocks = prepareBlocks(Math.min(CEILING_RECORDS, records), endMs, SPAN_MS);
  const common = {
    METERHOUSE_KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    METERHOUSE_TOPIC: TOPIC,
    METERHOUSE_CLICKHOUSE_URL: stack.clickhouseUrl,
    METERHOUSE_CLICKHOUSE_DATABASE: "meterhouse",
    METERHOUSE_METRICS_PORT: "0",
  };
  const meterhouse: Figures[] = [];
  const naive: Figures[] = [];
  const ceiling: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const { user, password } = stack.users.processor;
    const processor = {
      ...common,
      METERHOUSE_CLICKHOUSE_USER: user,
      METERHOUSE_CLICKHOUSE_PASSWORD: password,
      METERHOUSE_CONSUMER_GROUP: `bench-${round}`,
    };
    await admin.command("TRUNCATE TABLE usage_log");
    meterhouse.push(await runProcessor(processor, admin, records));
    say(`round ${round}: meterhouse ${rate(meterhouse.at(-1)?.seconds)} events/s`);
    await admin.command("TRUNCATE TABLE usage_log");
    await admin.command("TRUNCATE TABLE naive_events");
    const asOwner = {
      METERHOUSE_CLICKHOUSE_USER: owner.user,
      METERHOUSE_CLICKHOUSE_PASSWORD: owner.password,
    };
    naive.push(await runNaive({ ...common, ...asOwner, BENCH_RECORDS: String(records) }));
    say(`round ${round}: naive ${rate(naive.at(-1)?.seconds)} events/s`);
    await admin.command("TRUNCATE TABLE naive_events");
    await admin.command("TRUNCATE TABLE ceiling_log");
    const times = Math.ceil(records / Math.min(CEILING_RECORDS, records));
    const seconds = await runCeiling(admin, blocks, times);
    ceiling.push(seconds / ((times * Math.min(CEILING_RECORDS, records)) / records));
    say(`round ${round}: ceiling ${rate(ceiling.at(-1))} rows/s`);
  }
  await admin.close();
  report({ records, meterhouse, naive, ceilingSeconds: ceiling, dedupe: dedupeBytesPerId() }, values.json);

  async function produce(): Promise<void> {
    const producer = await openProducer(kafka, TOPIC);
    for (let i = 0; i < records; i += SEND_AT_ONCE) {
      const count = Math.min(SEND_AT_ONCE, records - i);
      await producer.send(Array.from({ length: count }, (_, k) => record(i + k, endMs, SPAN_MS)));
      if (i % 200_000 === 0) say(`sent ${i} of ${records} records`);
    }
    await producer.close();
  }
} finally {
  await stack.stop();
}

function rate(seconds: number | undefined): string {
  return Math.round(records / (seconds ?? 1)).toLocaleString("en");
}
