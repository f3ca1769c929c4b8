import type { Clock } from "../../domain/ports/clock.ts";
export interface Rate {
  /** Sustained requests per second, per caller. */
  readonly perSecond: number;
  /** Requests that a caller may make at once after a pause. */
  readonly burst: number;
}

/** The most callers to remember; the longest idle one is forgotten, and so may burst again. */
const CALLERS_MAX = 10_000;

/**
 * One token bucket per caller, from which a request takes its cost, or the whole burst if that is less. Returns how many
 * seconds to wait; 0 admits the request. A negative cost gives tokens back.
 */
export function createRateLimit(
  { perSecond, burst }: Rate,
  clock: Clock,
): (caller: string, cost?: number) => number {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (caller, cost = 1) => {
    const needed = Math.min(cost, burst);
    const now = clock.monotonicMs();
    const last = buckets.get(caller) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, last.tokens + ((now - last.at) / 1000) * perSecond);
    // Deleted first, so that the map is in the order of the last request.
    buckets.delete(caller);
    buckets.set(caller, { tokens: tokens >= needed ? tokens - needed : tokens, at: now });
    const [oldest] = buckets.keys();
    if (buckets.size > CALLERS_MAX && oldest !== undefined) buckets.delete(oldest);
    return tokens >= needed ? 0 : Math.ceil((needed - tokens) / perSecond);
  };
}
