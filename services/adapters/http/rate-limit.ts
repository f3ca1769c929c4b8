import type { Clock } from "../../domain/ports/clock.ts";
export interface Rate {
  /** Sustained requests per second, per caller. */
  readonly perSecond: number;
  /** Requests that a caller may make at once after a pause. */
  readonly burst: number;
}

/** The most callers to remember; the longest idle one is forgotten, and so may burst again. */
const CALLERS_MAX = 10_000;

/** One token bucket per caller. Returns how many seconds to wait; 0 admits the request. */
export function createRateLimit({ perSecond, burst }: Rate, clock: Clock): (caller: string) => number {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (caller) => {
    const now = clock.monotonicMs();
    const last = buckets.get(caller) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, last.tokens + ((now - last.at) / 1000) * perSecond);
    // Deleted first, so that the map is in the order of the last request.
    buckets.delete(caller);
    buckets.set(caller, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    const [oldest] = buckets.keys();
    if (buckets.size > CALLERS_MAX && oldest !== undefined) buckets.delete(oldest);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / perSecond);
  };
}
