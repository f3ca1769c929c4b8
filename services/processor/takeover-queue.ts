/** Takeovers, one after the other: an older one that goes on for longer would take away what others own by now. */
export class TakeoverQueue {
  private newest = 0;
  private isClosed = false;
  private last: Promise<unknown> = Promise.resolve();

  /** Registers a takeover. The function returned tells at any later time whether it is still the newest one. */
  enter(): () => boolean {
    const number = ++this.newest;
    return () => number === this.newest && !this.isClosed;
  }

  /** Runs `takeOver` once those before it are over, whatever became of them. */
  run<T>(takeOver: () => Promise<T>): Promise<T> {
    const result = this.last.then(takeOver);
    this.last = result.catch(() => undefined);
    return result;
  }

  /** From here on no takeover is the newest one. */
  close(): void {
    this.isClosed = true;
  }
}
