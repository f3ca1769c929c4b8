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
  readonly random?: () => number;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;

/**
 * Calls `attempt` until it succeeds. `name` is what is away, as in "ClickHouse": its outage is logged once, and so is
 * its end, however many attempts lie between.
 */
export async function retryForever<T>(
  name: string,
  attempt: (signal: AbortSignal) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { log, clock, signal, pauseMsMax = PAUSE_MS_MAX, random = systemRandom } = options;
  let pauseMs = options.pauseMsMin ?? PAUSE_MS_MIN;
  let failures = 0;
  const startedMs = clock.monotonicMs();
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
