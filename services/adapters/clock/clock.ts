import { setTimeout as wait } from "node:timers/promises";

/** Time as the rest of the house sees it. Only this folder asks the machine. */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump. */
  nowMs(): number;
  /** Milliseconds since some moment; never runs back. For durations. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

/** A number from 0 up to but not including 1, for jitter; nothing that is counted or billed depends on it. */
export function systemRandom(): number {
  return Math.random();
}
