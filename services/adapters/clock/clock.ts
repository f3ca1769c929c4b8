import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../domain/ports/clock.ts";

/** The machine's clock. Only this folder asks the machine for the time. */
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
