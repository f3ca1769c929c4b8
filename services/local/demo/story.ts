// The demo, step by step: a recorded workload through probe, Kafka, processor, settlement, to an invoice per tenant.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSchemas } from "../../adapters/avro/schemas.ts";
import { type ClickHouse, openClickHouse } from "../../adapters/clickhouse/client.ts";
import { migrate, openForMigration } from "../../adapters/clickhouse/migrate.ts";
import { systemClock } from "../../adapters/clock/clock.ts";
import { ensureTopic } from "../../adapters/kafka/admin.ts";
import { openKafka } from "../../adapters/kafka/client.ts";
import { openProducer } from "../../adapters/kafka/producer.ts";
import { readTopic } from "../../adapters/kafka/read-topic.ts";
import type { Log } from "../../domain/ports/log.ts";

import { DAY_MS, formatHour, HOUR_S, type Hour, hourOf, isoText } from "../../domain/time/hour.ts";
import { PROBE_FOLDER, PROJECT_ROOT } from "../paths.ts";
import type { Stack } from "../stack.ts";
import { type Account, eventsSince, faultsOf, readAccount } from "./account.ts";
import { Billing, PLANNED } from "./billing.ts";
import type { PriceBookJson } from "./busy-bill.ts";
import { disturbanceOf } from "./disturb.ts";
import { Processor } from "./processor.ts";
import { type Environment, runOnce, runProbe } from "./programs.ts";
import { tamper } from "./tamper.ts";

export interface StoryOptions {
  readonly stack: Stack;
  /** Hour at whose start the middle of the first recording is put; the second one lies in the hour after it. */
  readonly boundary: Hour;
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
const TRACE = join(PROBE_FOLDER, "traces/h100-serving-trace.jsonl.gz");
const BUSY_TRACE = join(PROBE_FOLDER, "traces/h100-busy-trace.jsonl.gz");
const PRICE_BOOK = join(PROJECT_ROOT, "services/local/demo/price-book.json");
const BUSY_BOOK = join(PROJECT_ROOT, "docs/price-books/2027-h100-busy.json");
/** Calls eager `generate` from a thread: Python launches one small kernel after the other while the card waits. */
const HOST_BOUND = "short";

/** What both parts of the story happen on. */
interface Stage extends StoryOptions {
  readonly owner: ClickHouse;
  readonly reader: ClickHouse;
  readonly kafka: ReturnType<typeof openKafka>;
  readonly processor: Processor;
  readonly billing: Billing;
  /** The probe's write-ahead log, in the demo's folder. */
  readonly wal: string;
  readonly folder: string;
}

/** Both cards, each with its own account. */
export interface Story {
  readonly account: Account;
  readonly second_card: Account;
}

export async function tell(options: StoryOptions): Promise<Story> {
  const { stack, boundary, say, log } = options;
  const owner = await openForMigration({
    url: stack.clickhouseUrl,
    database: DATABASE,
    ...stack.users.migrate,
  });
  const kafka = openKafka({ brokers: stack.kafkaBrokers, clientId: "meterhouse-demo", log });
  const reader = openClickHouse({ url: stack.clickhouseUrl, database: DATABASE, ...stack.users.reader });
  const processor = new Processor(processorEnvironment(stack));
  const folder = await mkdtemp(join(tmpdir(), "meterhouse-demo-"));
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
    billing = await Billing.open(pricingEnvironment(stack), boundary, say);
    const stage = { ...options, owner, reader, kafka, processor, billing, folder, wal: join(folder, "wal") };
    const account = await firstCard(stage);
    return { account, second_card: await secondCard(stage, account) };
  } finally {
    await processor.end();
    await billing?.close();
    await Promise.all([owner.close(), reader.close(), rm(folder, { recursive: true })]);
  }
}

/** A busy card: copies, damage, a network that goes and comes back, invoices and what is invoiced later. */
async function firstCard(stage: Stage): Promise<Account> {
  const { owner, reader, billing, boundary, say } = stage;
  await replayFirst(stage);
  await publish(stage, "--all-but", String(LATE));
  say(`the probe has published all but ${LATE} records; its network is gone`);
  await disturb(stage);
  await catchUp(stage, stage.kills);
  say(await billing.publish(PRICE_BOOK));
  await closeHours(stage, boundary);
  await billing.agree();
  const invoices = await billing.invoice();

  await publish(stage);
  say(`the network is back: ${LATE} records come late, for hours that are closed and invoiced`);
  await catchUp(stage, 0);
  await closeHours(stage, boundary);
  const adjusted = await billing.invoice();
  await showAndVerify(billing, owner, { invoices, adjusted, say });
  return balanced(await readAccount(reader, { from: boundary - HOUR_S, to: boundary + HOUR_S }));
}

/** A card whose counter says how busy it was, in the hour after: who holds it without working it pays for less. */
async function secondCard(stage: Stage, first: Account): Promise<Account> {
  const { reader, billing, boundary, folder, say } = stage;
  const range = { from: boundary + HOUR_S, to: boundary + 2 * HOUR_S };
  say("a second card's probe replays 14.5 s with readings of the card's activity counter …");
  const summary = await replay(stage, BUSY_TRACE, ["--end-at", busyEnd(range.from)]);
  say(`… ${summary.sessions} sessions became ${summary.events} events`);
  await publish(stage);
  await catchUp(stage, 0);
  const book = {
    ...(JSON.parse(await readFile(BUSY_BOOK, "utf8")) as PriceBookJson),
    effective_from: formatHour(range.from),
  };
  const file = join(folder, "busy-book.json");
  await writeFile(file, JSON.stringify(book));
  say(await billing.publish(file));
  await closeHours(stage, range.from);
  say(`${await billing.billBusyTime(HOST_BOUND, range, book)}\n`);
  const account = await readAccount(reader, range);
  return balanced({ ...account, events: eventsSince(first.events, account.events) });
}

/** An end in the middle of this hour. */
const busyEnd = (hour: Hour): string => formatHour(hour).replace(":00:00Z", ":30:44.786291Z");

function balanced(account: Account): Account {
  const faults = faultsOf(account);
  if (faults.length > 0) throw new Error(`the account does not balance: ${faults.join("; ")}`);
  return account;
}

async function publish({ stack, wal }: Stage, ...args: string[]): Promise<void> {
  const brokers = stack.kafkaBrokers.join();
  await runProbe(["publish", wal, "--brokers", brokers, "--topic", TOPIC, ...args], () => undefined);
}

function catchUp({ processor, kafka, reader, say }: Stage, kills: number): Promise<void> {
  return processor.catchUp({ topic: TOPIC, kafka, reader, kills, say });
}

async function closeHours({ stack, say }: Stage, through: Hour): Promise<void> {
  const args = ["close", "--through", formatHour(through)];
  say(await runOnce("services/settlement/main.ts", args, settlementEnvironment(stack)));
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

async function replayFirst(stage: Stage): Promise<void> {
  const { boundary, say } = stage;
  say("the probe replays 120 s of an H100 that served 16 tenants …");
  const at = isoText(boundary * 1000);
  const summary = await replay(stage, TRACE, ["--hour-boundary-at", at]);
  say(
    `… ${summary.sessions} sessions became ${summary.events} events; half of them lie before ${at.slice(11, 16)}, half after`,
  );
}

/** Plays a recording into the write-ahead log. */
async function replay({ wal }: Stage, trace: string, when: readonly string[]) {
  const args = ["replay", trace, "--sink", "wal", "--wal", wal, ...when, "--json"];
  const output = await runProbe(args, () => undefined);
  return JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as { sessions: number; events: number };
}

async function disturb({ kafka, log, say }: Stage): Promise<void> {
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
    batchBytesMax: 2 * RECORD_BYTES_MAX,
    metadataMsMax: 300_000,
  });
  const { copies, conflicts, broken } = disturbanceOf(records, schemas);
  const producer = await openProducer(kafka, TOPIC);
  for (const some of [copies, conflicts, broken]) await producer.send(some);
  await producer.close();
  say(
    `sent again on purpose: ${copies.length} copies, ${conflicts.length} events under an id that is taken, ${broken.length} broken records`,
  );
}

const processorEnvironment = (stack: Stack): Environment => ({
  ...commonEnvironment(stack),
  METERHOUSE_CLICKHOUSE_USER: stack.users.processor.user,
  METERHOUSE_CLICKHOUSE_PASSWORD: stack.users.processor.password,
  METERHOUSE_CORRECTION_KEY_FILE: stack.correctionKeyFile,
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
  METERHOUSE_CORRECTION_KEY_FILE: stack.correctionKeyFile,
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

/** The newest hour such that it and the next one are over, with their grace, so that all three can be closed at once. */
export function latestBoundary(nowMs: number, graceMs: number): Hour {
  return hourOf(nowMs - graceMs) - 2 * HOUR_S;
}
