import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import { systemRandom } from "../clock/clock.ts";

export interface RetryOptions {
  /** Whether waiting can help. Any other error is thrown at once. */
  readonly isRetriable: (error: unknown) => boolean;
  readonly log: Log;
  readonly clock: Clock;
  /** Aborted: gives up with the signal's reason. */
  readonly signal: AbortSignal;
  /** Pause after the first failure; it doubles up to `pauseMsMax`, and each pause is cut by up to half at random. */
  readonly pauseMsMin?: number;
  readonly pauseMsMax?: number;
  /** How long an outage is waited for before AwayError is thrown; for ever where absent. */
  readonly patienceMs?: number;
  readonly random?: () => number;
}

/** An outage outlasted the time that its caller would wait. */
export class AwayError extends Error {
  override readonly name = "AwayError";
  /** What is away, as in "ClickHouse". */
  readonly what: string;

  constructor(what: string, cause: unknown) {
    super(reasonOf(cause), { cause });
    this.what = what;
  }
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;

/**
 * Calls `attempt` until it succeeds. `name` is what is away, as in "ClickHouse": its outage is logged once, and so is
 * its end, however many attempts lie between.
 * @throws AwayError where patience has an end and the outage has none
 */
export async function retryUntilBack<T>(
  name: string,
  attempt: (signal: AbortSignal) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { log, clock, signal, pauseMsMax = PAUSE_MS_MAX, random = systemRandom } = options;
  const { patienceMs = Number.POSITIVE_INFINITY } = options;
  let pauseMs = options.pauseMsMin ?? PAUSE_MS_MIN;
  let failures = 0;
  let startedMs = clock.monotonicMs();
  for (;;) {
    signal.throwIfAborted();
    try {
      const result = await attempt(signal);
      if (failures > 0) {
        log.info({ away_ms: Math.round(clock.monotonicMs() - startedMs), failures }, `${name} is back`);
      }
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!options.isRetriable(error)) throw error;
      // What went well before the outage may have taken long.
      if (failures === 0) startedMs = clock.monotonicMs();
      if (clock.monotonicMs() - startedMs + pauseMs > patienceMs) throw new AwayError(name, error);
      if (failures === 0) log.warn({ reason: reasonOf(error) }, `${name} is away; trying until it is back`);
      failures += 1;
    }
    await clock.sleep(pauseMs * (1 - random() / 2), signal);
    pauseMs = Math.min(pauseMs * 2, pauseMsMax);
  }
}

/** An outage is expected, so its trace is of no use to anyone. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
