import type { Clock } from "../../domain/ports/clock.ts";

const KEPT_MAX = 10_000;

/** Answers by name, each asked for once at a time. What failed is not kept. */
export function createCache<T>(clock: Clock) {
  const kept = new Map<string, { readonly since: number; readonly answer: Promise<T> }>();
  return (name: string, maxAgeMs: number, ask: () => Promise<T>): Promise<T> => {
    const known = kept.get(name);
    const now = clock.monotonicMs();
    if (known !== undefined && now - known.since < maxAgeMs) return known.answer;
    if (kept.size >= KEPT_MAX) kept.clear();
    const entry = { since: now, answer: ask() };
    kept.set(name, entry);
    entry.answer.catch(() => {
      if (kept.get(name) === entry) kept.delete(name);
    });
    return entry.answer;
  };
}
