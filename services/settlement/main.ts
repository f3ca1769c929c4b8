// Closes hours and rates them, by the clock or once. Starts its parts in order; what they do together is in pipeline.ts.
import { openClickHouse } from "../adapters/clickhouse/client.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { StaleLeaderError } from "../adapters/clickhouse/leader.ts";
import { ClickHouseSettlementStore } from "../adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, sha256 } from "../adapters/crypto/crypto.ts";
import { startOpsServer } from "../adapters/http/ops.ts";
import { offsetsAt } from "../adapters/kafka/admin.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { type Life, runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { createMetrics } from "../adapters/metrics/metrics.ts";
import { retryForever } from "../adapters/retry/retry.ts";
import { schedule } from "../adapters/schedule/schedule.ts";
import { verifyHour } from "../billing/verification/verify-hour.ts";
import { verificationJson } from "../domain/closing/verification.ts";
import { type Command, readCommand } from "./command.ts";
import { FIELDS } from "./config.ts";
import type { Settlement } from "./pipeline.ts";
import { readPriceBooks } from "./price-books.ts";
import { billText, passText, verificationText } from "./print.ts";
import { createPasses, settleOnce } from "./run.ts";

const FAULTY_EXIT = 2;
const DROPPED =
  "settlement: rows of this hour were exported and dropped from the log: it can be neither added up again nor revised";

const command = readCommand(process.argv.slice(2));
if (command.kind === "fault") end(`settlement: ${command.problem}`);
const config = configOrExit("settlement", FIELDS);
const { books, faults } = readPriceBooks(config.price_books);
if (faults.length > 0)
  end(`settlement: price books are refused:\n${faults.map((it) => `  ${it}`).join("\n")}`);
const log = createLog({ level: config.log_level, name: "settlement" });
const clock = systemClock;

await runProcess({ log }, async (life) => {
  const deps = await open(life);
  if (command.kind === "serve") await serve(life, deps);
  else life.stop(await once(life, deps, command));
});

async function open(life: Life): Promise<Settlement> {
  const clickhouse = await life.start(
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
  const kafka = openKafka({ brokers: config.kafka_brokers, clientId: "meterhouse-settlement", log });
  return {
    store: new ClickHouseSettlementStore(clickhouse, config.clickhouse_database),
    logTimes: { offsetsAt: (timeMs) => offsetsAt(kafka, config.topic, timeMs) },
    clock,
    log,
    metrics: createMetrics("settlement"),
    hash: sha256,
    newId,
    owner: newId(),
    graceMs: config.grace_ms,
    leaseMs: config.lease_ms,
    priceBooks: books,
    signal: life.signal,
  };
}

async function serve(life: Life, deps: Settlement): Promise<void> {
  let isFirstPassDone = false;
  await life.start(
    "ops server",
    () =>
      startOpsServer({
        host: config.metrics_host,
        port: config.metrics_port,
        metrics: deps.metrics,
        notReady: () => (isFirstPassDone ? [] : ["the first pass is not through yet"]),
      }),
    (server) => server.close(),
  );
  const pass = createPasses(deps);
  const run = async () => {
    await untilBack(life, pass);
    isFirstPassDone = true;
  };
  await life.start(
    "schedule",
    () => schedule(config.schedule, "settlement", { run, onFailure: (error) => life.fail(error) }),
    (started) => started.stop(),
  );
  // What fell due while no settlement ran is not left until the schedule's next turn.
  life.watch("first pass", run());
}

async function once(
  life: Life,
  deps: Settlement,
  asked: Exclude<Command, { kind: "serve" | "fault" }>,
): Promise<number> {
  const { store } = deps;
  if (asked.kind === "bill") {
    print(billText(await untilBack(life, () => store.billLines(asked.from, asked.to)), asked.json));
    return 0;
  }
  if (asked.kind === "verify") {
    if (asked.hour <= (await untilBack(life, () => store.logFloor()))) end(DROPPED);
    const result = await untilBack(life, () => verifyHour(deps, asked.hour, asked.revision));
    print(verificationText(asked.hour, result, asked.json));
    return result !== null && verificationJson(asked.hour, result).matches ? 0 : 1;
  }
  const result = await untilBack(life, () => settleOnce(deps, asked.request)).catch((error: unknown) => {
    if (!(error instanceof StaleLeaderError) || error.rule !== "METERHOUSE_HOUR_DROPPED") throw error;
    return end(DROPPED);
  });
  if (result.kind !== "settled") return 1;
  print(passText(result, asked.json));
  return result.waiting.length === 0 ? 0 : 1;
}

function untilBack<T>(life: Life, attempt: () => Promise<T>): Promise<T> {
  return retryForever("ClickHouse", attempt, { isRetriable, log, clock, signal: life.signal });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function end(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(FAULTY_EXIT);
}
