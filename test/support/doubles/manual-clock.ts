// A clock that moves only when a test moves it.
import type { Clock } from "../../../services/domain/ports/clock.ts";

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until `advance`. For tests. */
export class ManualClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  #sleepers: Sleeper[] = [];
  #watchers: (() => void)[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const sleeper = { wakeAtMs: this.#elapsedMs + ms, wake };
      signal?.addEventListener("abort", abort, { once: true });
      this.#sleepers.push(sleeper);
      for (const tell of this.#watchers.splice(0)) tell();
    });
  }

  /** Resolves with the milliseconds until the first sleeper wakes, as soon as there is one. */
  async asleep(): Promise<number> {
    if (this.#sleepers.length === 0) await new Promise<void>((resolve) => this.#watchers.push(resolve));
    return Math.min(...this.#sleepers.map(({ wakeAtMs }) => wakeAtMs)) - this.#elapsedMs;
  }

  /** Moves on by `ms`, waking sleepers in their order; what they do at once is done when this resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#sleepers
        .filter(({ wakeAtMs }) => wakeAtMs <= end)
        .sort((left, right) => left.wakeAtMs - right.wakeAtMs)[0];
      this.#moveTo(next?.wakeAtMs ?? end);
      if (next === undefined) return;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      next.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #moveTo(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}
