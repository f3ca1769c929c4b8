/** Time as the house sees it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump. */
  nowMs(): number;
  /** Milliseconds since some moment; never runs back. For durations. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
