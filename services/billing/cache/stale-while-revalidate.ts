import type { Clock } from "../../domain/ports/clock.ts";
export interface Remembered<Value> {
  readonly value: Value;
  /** Milliseconds since 1970. */
  readonly looked_up_at: number;
}

interface Entry<Value> extends Remembered<Value> {
  readonly at: number;
}

interface Terms {
  /** So long an answer is given as it is; after that it is looked up anew while the old one is still given. */
  readonly freshMs: number;
  /** So long at most. After that whoever asks waits. */
  readonly staleMs: number;
  readonly entriesMax: number;
  /** What goes wrong while nobody waits for it. */
  readonly failed: (error: unknown) => void;
}

/** Looks things up once for all who ask, and again from time to time; nobody waits for what was known a while ago. */
export function remember<Value>(
  lookUp: (key: string) => Promise<Value>,
  { freshMs, staleMs, entriesMax, failed }: Terms,
  clock: Clock,
): (key: string) => Promise<Remembered<Value>> {
  const known = new Map<string, Entry<Value>>();
  const running = new Map<string, Promise<Entry<Value>>>();
  const renew = (key: string): Promise<Entry<Value>> => {
    const begun = running.get(key);
    if (begun !== undefined) return begun;
    const entry = async () => {
      const value = await lookUp(key);
      const found = { value, looked_up_at: clock.nowMs(), at: clock.monotonicMs() };
      known.delete(key);
      known.set(key, found);
      for (const [oldest] of known) if (known.size > entriesMax) known.delete(oldest);
      return found;
    };
    const renewed = entry().finally(() => running.delete(key));
    running.set(key, renewed);
    return renewed;
  };
  return async (key) => {
    const entry = known.get(key);
    if (entry === undefined) return renew(key);
    const age = clock.monotonicMs() - entry.at;
    if (age > staleMs) return renew(key);
    if (age > freshMs) renew(key).catch(failed);
    return entry;
  };
}
