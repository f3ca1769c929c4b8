// How a command works in ClickHouse that is done when it has answered.
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { ClickHouse } from "../clickhouse/client.ts";
import { ClickHouseFailure, isRetriable } from "../clickhouse/failure.ts";
import { systemClock } from "../clock/clock.ts";
import { EXIT } from "../command/exit-codes.ts";
import { KafkaRefusal } from "../kafka/refusal.ts";
import { type Life, runProcess } from "../lifecycle/lifecycle.ts";
import { createLog } from "../log/log.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { ProgramName } from "../metrics/owners.ts";
import { AwayError, retryUntilBack } from "../retry/retry.ts";
import type { StoreConfig } from "./fields.ts";
import { connectedClickHouse } from "./store.ts";

/** Somebody waits for the answer of a command: a restart is outlasted, an outage is said. */
const PATIENCE_MS = 10_000;
/** For what does not say whether it is away or slow. */
const ANSWER_MS_MAX = 30_000;

export interface OneShot {
  readonly life: Life;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly clickhouse: ClickHouse;
  /** Tries while ClickHouse is away, but not for long. */
  readonly retry: <T>(attempt: () => Promise<T>) => Promise<T>;
  /** What may wait for ever for `what`, such as Kafka, but must not. */
  readonly inTime: <T>(what: string, work: Promise<T>) => Promise<T>;
}

/**
 * Runs a command to its end. `body` answers the exit code; where ClickHouse stays away or refuses, that is said in a
 * sentence and the code is EXIT.failed.
 */
export async function runOneShot(
  name: ProgramName,
  config: StoreConfig,
  body: (parts: OneShot) => Promise<number>,
  connect: (config: StoreConfig) => Promise<ClickHouse> = connectedClickHouse,
): Promise<void> {
  const log = createLog({ level: config.log_level, name });
  const clock = systemClock;
  const metrics = createMetrics(name);
  await runProcess({ log }, async (life) => {
    const { signal } = life;
    const retry = <T>(attempt: () => Promise<T>) =>
      retryUntilBack("ClickHouse", attempt, { isRetriable, log, clock, signal, patienceMs: PATIENCE_MS });
    const inTime = <T>(what: string, work: Promise<T>) => {
      const late = new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`);
      const over = clock.sleep(ANSWER_MS_MAX, signal).then(() => Promise.reject(new AwayError(what, late)));
      return Promise.race([work, over]);
    };
    try {
      const clickhouse = await life.start(
        "ClickHouse",
        () => retry(() => connect(config)),
        (it) => it.close(),
      );
      life.stop(await body({ life, log, clock, metrics, clickhouse, retry, inTime }));
    } catch (error) {
      if (!isSentence(error)) throw error;
      process.stderr.write(`meterhouse: ${sentence(error, config)}\n`);
      life.stop(EXIT.failed);
    }
  });
}

type Sentence = AwayError | ClickHouseFailure | KafkaRefusal;

function isSentence(error: unknown): error is Sentence {
  return error instanceof AwayError || error instanceof ClickHouseFailure || error instanceof KafkaRefusal;
}

function sentence(error: Sentence, { clickhouse_url, clickhouse_user }: StoreConfig): string {
  if (error instanceof KafkaRefusal) return error.message;
  const reason = error.message.split("\n")[0];
  if (error instanceof ClickHouseFailure) {
    return `ClickHouse at ${clickhouse_url} refuses what ${clickhouse_user} asks: ${reason}`;
  }
  const [place, setting] =
    error.what === "ClickHouse"
      ? [` at ${clickhouse_url}`, "METERHOUSE_CLICKHOUSE_URL"]
      : ["", "METERHOUSE_KAFKA_BROKERS"];
  return `${error.what}${place} is away (${reason}). Start it or correct ${setting}, then run the command again.`;
}
