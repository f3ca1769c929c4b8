import type { Clock } from "../domain/ports/clock.ts";
/** Seals a block that does not fill up in time: `flushMs` after the first records went in. */
export class SealTimer {
  private readonly clock: Pick<Clock, "sleep">;
  private readonly flushMs: number;
  private readonly seal: () => void;
  /** Set while the timer runs; aborted to stop it. */
  private pause: AbortController | undefined;

  constructor(clock: Pick<Clock, "sleep">, flushMs: number, seal: () => void) {
    this.clock = clock;
    this.flushMs = flushMs;
    this.seal = seal;
  }

  /** Starts the timer, unless it is running. */
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
