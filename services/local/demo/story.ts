// The demo, step by step: a recorded workload through probe, Kafka, processor, settlement, to an invoice per tenant.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSchemas } from "../../adapters/avro/schemas.ts";
import { type ClickHouse, openClickHouse } from "../../adapters/clickhouse/client.ts";
import { migrate, openForMigration } from "../../adapters/clickhouse/migrate.ts";
import { systemClock } from "../../adapters/clock/clock.ts";
import { ensureTopic, logBounds } from "../../adapters/kafka/admin.ts";
import { openKafka } from "../../adapters/kafka/client.ts";
import { openProducer } from "../../adapters/kafka/producer.ts";
import { readTopic } from "../../adapters/kafka/read-topic.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";

import { DAY_MS, formatHour, HOUR_S } from "../../domain/time/hour.ts";
import { PROBE_FOLDER, PROJECT_ROOT } from "../paths.ts";
import type { Stack } from "../stack.ts";
import { type Account, faultsOf, readAccount } from "./account.ts";
import { Billing, PLANNED } from "./billing.ts";
import { disturbanceOf } from "./disturb.ts";
import { type Environment, runOnce, runProbe, Service } from "./programs.ts";
import { tamper } from "./tamper.ts";

export interface StoryOptions {
  readonly stack: Stack;
  /** Hour, in seconds since the epoch, at whose start the middle of the recording is put. */
  readonly boundary: number;
  /** How often the processor is killed (`kill -9`) while records flow. */
  readonly kills: number;
  readonly log: Log;
  /** Progress, for people. */
  readonly say: (line: string) => void;
}

const TOPIC = "gpu-time-events";
const DATABASE = "meterhouse";
const PARTITIONS = 8;
const RECORD_BYTES_MAX = 4 * 2 ** 20;
/** Records that the probe's node holds back, as if its network were gone: they come after the hours are closed. */
const LATE = 7;
const POLL_MS = 50;
const TRACE = join(PROBE_FOLDER, "traces/h100-serving-trace.jsonl.gz");
const PRICE_BOOK = join(PROJECT_ROOT, "services/local/demo/price-book.json");

export async function tell(options: StoryOptions): Promise<Account> {
  const { stack, boundary, say, log } = options;
  const owner = await openForMigration({
    url: stack.clickhouseUrl,
    database: DATABASE,
    ...stack.users.migrate,
  });
  const kafka = openKafka({ brokers: stack.kafkaBrokers, clientId: "meterhouse-demo", log });
  const reader = openClickHouse({ url: stack.clickhouseUrl, database: DATABASE, ...stack.users.reader });
  const processor = new Processor(processorEnvironment(stack));
  const wal = await mkdtemp(join(tmpdir(), "meterhouse-wal-"));
  let billing: Billing | undefined;
  try {
    const applied = await migrate(owner, join(PROJECT_ROOT, "clickhouse/migrations"));
    say(`ClickHouse has its tables (${applied.length} migrations applied)`);
    await ensureTopic(kafka, {
      topic: TOPIC,
      partitions: PARTITIONS,
      replicas: 1,
      retentionMs: 7 * DAY_MS,
      recordBytesMax: RECORD_BYTES_MAX,
    });
    processor.start();
    await replay(wal, boundary, say);
    const brokers = stack.kafkaBrokers.join();
    await runProbe(
      ["publish", wal, "--brokers", brokers, "--topic", TOPIC, "--all-but", String(LATE)],
      () => undefined,
    );
    say(`the probe has published all but ${LATE} records; its network is gone`);
    await disturb(options, kafka);
    await processor.catchUp({ kafka, reader, kills: options.kills, say });

    const through = formatHour(boundary);
    const settlement = settlementEnvironment(stack);
    const closeHours = async () =>
      say(await runOnce("services/settlement/main.ts", ["close", "--through", through], settlement));
    billing = await Billing.open(pricingEnvironment(stack), boundary, say);
    say(await billing.publish(PRICE_BOOK));
    await closeHours();
    await billing.agree();
    const invoices = await billing.invoice();

    await runProbe(["publish", wal, "--brokers", brokers, "--topic", TOPIC], () => undefined);
    say(`the network is back: ${LATE} records come late, for hours that are closed and invoiced`);
    await processor.catchUp({ kafka, reader, kills: 0, say });
    await closeHours();
    const adjusted = await billing.invoice();
    await showAndVerify(billing, owner, { invoices, adjusted, say });
    const account = await readAccount(reader);
    const faults = faultsOf(account);
    if (faults.length > 0) throw new Error(`the account does not balance: ${faults.join("; ")}`);
    return account;
  } finally {
    await processor.end();
    await billing?.close();
    await Promise.all([owner.close(), reader.close(), rm(wal, { recursive: true })]);
  }
}

interface Invoices {
  /** By tenant. */
  readonly invoices: ReadonlyMap<string, string>;
  readonly adjusted: ReadonlyMap<string, string>;
  readonly say: (line: string) => void;
}

/** An invoice and an adjustment as people read them; both checked against the events, and again with an event tampered with. */
async function showAndVerify(billing: Billing, owner: ClickHouse, { invoices, adjusted, say }: Invoices) {
  const invoice = invoices.get(PLANNED) ?? "";
  const [adjustment = ""] = adjusted.values();
  for (const id of [invoice, adjustment]) say(`${await billing.show(id)}\n`);
  say(await billing.verify(invoice));
  const { event_id, undo } = await tamper(owner, PLANNED);
  say(`somebody adds a second to event ${event_id} in ClickHouse`);
  say(await billing.verify(invoice));
  await undo();
}

async function replay(wal: string, boundary: number, say: (line: string) => void): Promise<void> {
  say("the probe replays 120 s of an H100 that served 16 tenants …");
  const at = new Date(boundary * 1000).toISOString();
  const args = ["replay", TRACE, "--sink", "wal", "--wal", wal, "--hour-boundary-at", at, "--json"];
  const output = await runProbe(args, () => undefined);
  const summary = JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as {
    sessions: number;
    events: number;
  };
  say(
    `… ${summary.sessions} sessions became ${summary.events} events; half of them lie before ${at.slice(11, 16)}, half after`,
  );
}

async function disturb({ log, say }: StoryOptions, kafka: ReturnType<typeof openKafka>): Promise<void> {
  const schemas = loadSchemas();
  const records = await readTopic({
    kafka,
    topic: TOPIC,
    groupId: "meterhouse-demo",
    clock: systemClock,
    log,
    sessionTimeoutMs: 10_000,
    fetchBytesMax: RECORD_BYTES_MAX * 2,
    fetchBytesMaxPerPartition: RECORD_BYTES_MAX,
  });
  const { copies, conflicts, broken } = disturbanceOf(records, schemas);
  const producer = await openProducer(kafka, TOPIC);
  for (const some of [copies, conflicts, broken]) await producer.send(some);
  await producer.close();
  say(
    `sent again on purpose: ${copies.length} copies, ${conflicts.length} events under an id that is taken, ${broken.length} broken records`,
  );
}

interface CatchUp {
  readonly kafka: ReturnType<typeof openKafka>;
  readonly reader: ClickHouse;
  readonly kills: number;
  readonly say: (line: string) => void;
}

/** The processor of the demo, which can be killed and started again. */
class Processor {
  private readonly env: Environment;
  private readonly clock: Clock = systemClock;
  private service: Service | undefined;

  constructor(env: Environment) {
    this.env = env;
  }

  start(): void {
    this.service = new Service("the processor", "services/processor/main.ts", this.env);
  }

  async end(): Promise<void> {
    await this.service?.end("SIGTERM");
  }

  /** Waits until every record of the topic is accounted for; kills and restarts the processor `kills` times on the way. */
  async catchUp({ kafka, reader, kills, say }: CatchUp): Promise<void> {
    const marks = await logBounds(kafka, TOPIC);
    const sent = [...marks.values()].reduce((sum, { high }) => sum + high, 0);
    let killed = 0;
    for (;;) {
      const [row] = await reader.query<{ received: string }>(
        "SELECT sum(b.received) AS received FROM batches AS b",
      );
      const received = Number(row?.received);
      if (killed < kills && received >= (sent * killed) / kills) {
        killed++;
        await this.service?.end("SIGKILL");
        say(`killed the processor (kill -9) with ${received} of ${sent} records counted; starting it again`);
        this.start();
      } else if (received >= sent) {
        say(`the processor has dealt with all ${sent} records`);
        return;
      }
      this.service?.check();
      await this.clock.sleep(POLL_MS);
    }
  }
}

const processorEnvironment = (stack: Stack): Environment => ({
  ...commonEnvironment(stack),
  METERHOUSE_CLICKHOUSE_USER: stack.users.processor.user,
  METERHOUSE_CLICKHOUSE_PASSWORD: stack.users.processor.password,
  // small batches and a short session, so that a demo of seconds shows what a day shows
  METERHOUSE_BLOCK_ROWS_MAX: "250",
  METERHOUSE_FLUSH: "200ms",
  METERHOUSE_SESSION_TIMEOUT: "6s",
});

const settlementEnvironment = (stack: Stack): Environment => ({
  ...commonEnvironment(stack),
  METERHOUSE_CLICKHOUSE_USER: stack.users.settlement.user,
  METERHOUSE_CLICKHOUSE_PASSWORD: stack.users.settlement.password,
});

const pricingEnvironment = (stack: Stack): Environment => ({
  ...commonEnvironment(stack),
  METERHOUSE_CLICKHOUSE_USER: stack.users.pricing.user,
  METERHOUSE_CLICKHOUSE_PASSWORD: stack.users.pricing.password,
  METERHOUSE_INVOICE_SELLER: "GPU cloud of the demo",
});

const commonEnvironment = (stack: Stack): Environment => ({
  METERHOUSE_LOG_LEVEL: "warn",
  METERHOUSE_METRICS_PORT: "0",
  METERHOUSE_KAFKA_BROKERS: stack.kafkaBrokers.join(),
  METERHOUSE_TOPIC: TOPIC,
  METERHOUSE_CLICKHOUSE_URL: stack.clickhouseUrl,
  METERHOUSE_CLICKHOUSE_DATABASE: DATABASE,
});

/** The newest hour whose next hour is over, with its grace, so that both can be closed at once. */
export function latestBoundary(nowMs: number, graceMs: number): number {
  return Math.floor((nowMs - graceMs) / (HOUR_S * 1000)) * HOUR_S - HOUR_S;
}
