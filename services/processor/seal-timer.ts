import type { Clock } from "../adapters/clock/clock.ts";

/** Seals a block that does not become full: `flushMs` after its first records. */
export class SealTimer {
  private readonly clock: Pick<Clock, "sleep">;
  private readonly flushMs: number;
  private readonly seal: () => void;
  /** There while the time runs; aborted to stop it. */
  private pause: AbortController | undefined;

  constructor(clock: Pick<Clock, "sleep">, flushMs: number, seal: () => void) {
    this.clock = clock;
    this.flushMs = flushMs;
    this.seal = seal;
  }

  /** Lets the time run, if it does not yet. */
  start(): void {
    if (this.pause !== undefined) return;
    this.pause = new AbortController();
    this.clock.sleep(this.flushMs, this.pause.signal).then(
      () => {
        this.pause = undefined;
        this.seal();
      },
      () => undefined,
    );
  }

  stop(): void {
    this.pause?.abort();
    this.pause = undefined;
  }
}
