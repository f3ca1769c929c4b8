// Expensive requests, a few at a time. Whoever sends many waits behind its own, not in front of others: free places go round
// among those who wait.

export interface GateLimits {
  /** Requests at work at once. */
  readonly running_max: number;
  /** Of these, one caller's. */
  readonly running_max_per_caller: number;
  /** Requests of one caller that wait; more are refused. */
  readonly waiting_max_per_caller: number;
  /** Requests that wait in all; more are refused. */
  readonly waiting_max: number;
}

/** own: the caller has enough of its own waiting. all: everybody together has. */
export type Refused = { readonly refused: "own" | "all" };
/** Gives the place back; later calls do nothing. */
export type Leave = () => void;

export class FairGate {
  private readonly limits: GateLimits;
  private readonly running = new Map<string, number>();
  /** In the order in which callers have their turn. */
  private readonly waiting = new Map<string, ((leave: Leave) => void)[]>();
  private runningCount = 0;
  private waitingCount = 0;

  constructor(limits: GateLimits) {
    this.limits = limits;
  }

  /** Resolves once there is a place. */
  enter(caller: string): Promise<Leave> | Refused {
    if (this.hasPlace(caller)) return Promise.resolve(this.start(caller));
    const own = this.waiting.get(caller) ?? [];
    if (own.length >= this.limits.waiting_max_per_caller) return { refused: "own" };
    if (this.waitingCount >= this.limits.waiting_max) return { refused: "all" };
    this.waitingCount++;
    this.waiting.set(caller, own);
    return new Promise((resolve) => own.push(resolve));
  }

  private hasPlace(caller: string): boolean {
    const { running_max, running_max_per_caller } = this.limits;
    return this.runningCount < running_max && (this.running.get(caller) ?? 0) < running_max_per_caller;
  }

  private start(caller: string): Leave {
    this.runningCount++;
    this.running.set(caller, (this.running.get(caller) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.runningCount--;
      const left = (this.running.get(caller) ?? 1) - 1;
      if (left === 0) this.running.delete(caller);
      else this.running.set(caller, left);
      this.admitNext();
    };
  }

  private admitNext(): void {
    for (const [caller, queue] of this.waiting) {
      if (!this.hasPlace(caller)) continue;
      const next = queue.shift();
      this.waiting.delete(caller);
      // behind everybody else who waits
      if (queue.length > 0) this.waiting.set(caller, queue);
      this.waitingCount--;
      next?.(this.start(caller));
      return;
    }
  }
}
