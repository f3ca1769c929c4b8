// Closes hours and rates them, by the clock or once. Starts its parts in order; what they do together is in run-pass.ts.

import { StaleLeaderError } from "../adapters/clickhouse/leader.ts";
import { ClickHouseLogGenerations } from "../adapters/clickhouse/log-generations.ts";
import { ClickHouseSettlementStore } from "../adapters/clickhouse/settlement-store.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, sha256 } from "../adapters/crypto/crypto.ts";
import { connectedKafka } from "../adapters/kafka/client.ts";
import { logOffsetsAt } from "../adapters/kafka/log-offsets.ts";
import { kafkaConnection } from "../adapters/process/kafka-fields.ts";
import { type OneShot, runOneShot } from "../adapters/process/one-shot.ts";
import { runService, type Service } from "../adapters/process/service.ts";
import { schedule } from "../adapters/schedule/schedule.ts";
import { verifyHour } from "../billing/verification/verify-hour.ts";
import { verificationJson } from "../domain/closing/verification.ts";
import { audit } from "./audit.ts";
import { COMMANDS, type SettlementCommand } from "./command.ts";
import { FIELDS } from "./config.ts";
import type { Settlement } from "./pass.ts";
import { createPasses, runPassAsLeader } from "./passes.ts";
import { passText, verificationText } from "./print.ts";

const DROPPED =
  "rows of this hour were exported and dropped from the log: it can be neither added up again nor revised";

const requested = commandOrExit(COMMANDS);
const config = configOrExit("settlement", FIELDS);

if (requested.kind === "serve") await runService("settlement", config, serve);
else await runOneShot("settlement", config, (parts) => once(parts, requested));

type KafkaLater = () => ReturnType<typeof connectedKafka>;

/** Connects where somebody asks: verifying an hour needs no Kafka. */
function kafkaLater({ life: { signal }, clock, log }: Service | OneShot): KafkaLater {
  let kafka: ReturnType<KafkaLater> | undefined;
  const connection = { ...kafkaConnection(config), clientId: "meterhouse-settlement", log };
  return () => {
    kafka ??= connectedKafka(connection, { clock, signal });
    return kafka;
  };
}

function settlementOf(
  { life, clock, log, metrics, clickhouse }: Service | OneShot,
  kafka: KafkaLater,
): Settlement {
  const { topic } = config;
  const generations = new ClickHouseLogGenerations(clickhouse);
  return {
    store: new ClickHouseSettlementStore(clickhouse, config.clickhouse_database),
    logTimes: {
      offsetsAt: async (timeMs) => logOffsetsAt({ kafka: await kafka(), topic, generations }, timeMs),
    },
    clock,
    log,
    metrics,
    hash: sha256,
    newId,
    owner: newId(),
    graceMs: config.grace_ms,
    leaseMs: config.lease_ms,
    unmeteredPercent: config.unmetered_percent,
    ...(config.close_key === undefined ? {} : { signer: config.close_key }),
    signal: life.signal,
  };
}

async function serve(service: Service): Promise<void> {
  const { life, retry } = service;
  const passed = service.notReady("the first pass is not through yet");
  const kafka = kafkaLater(service);
  life.watch("Kafka", kafka());
  const pass = createPasses(settlementOf(service, kafka), config);
  const run = async () => {
    await retry(pass);
    passed();
  };
  await life.start(
    "schedule",
    () => schedule(config.schedule, "settlement", { run, onFailure: (error) => life.fail(error) }),
    (started) => started.stop(),
  );
  // What fell due while no settlement ran is not left until the schedule's next turn.
  life.watch("first pass", run());
}

/** Answers the exit code. */
async function once(parts: OneShot, command: Exclude<SettlementCommand, { kind: "serve" }>): Promise<number> {
  const { retry, inTime } = parts;
  const plain = settlementOf(parts, kafkaLater(parts));
  const { store, logTimes } = plain;
  if (command.kind === "audit") {
    return audit(parts, command, { database: config.clickhouse_database, signer: config.close_key });
  }
  if (command.kind === "verify") {
    const { hour, revision, json } = command;
    if (hour <= (await retry(() => store.logFloor()))) return dropped();
    const result = await retry(() => verifyHour(plain, hour, revision));
    print(verificationText(hour, result, json));
    return result !== null && verificationJson(hour, result).matches ? EXIT.done : EXIT.failed;
  }
  const deps = {
    ...plain,
    logTimes: { offsetsAt: (timeMs: number) => inTime("Kafka", logTimes.offsetsAt(timeMs)) },
  };
  try {
    const result = await retry(() => runPassAsLeader(deps, command.request));
    print(passText(result, command.json));
    return result.waiting.length === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!(error instanceof StaleLeaderError) || error.rule !== "METERHOUSE_HOUR_DROPPED") throw error;
    return dropped();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function dropped(): number {
  process.stderr.write(`settlement: ${DROPPED}\n`);
  return EXIT.usage;
}
