import type { Clock } from "../../domain/ports/clock.ts";

/** How old an answer may be. With equal values whoever asks for an older one waits. */
export interface CacheAge {
  /** Younger answers are given as they are; older ones are looked up anew while the old one is still given. */
  readonly freshMs: number;
  /** From this age on, whoever asks waits for the new answer. */
  readonly staleMs: number;
}

export interface Cached<Value> {
  readonly value: Value;
  /** Milliseconds since 1970. */
  readonly looked_up_at: number;
}

export interface CacheOptions<Value> {
  readonly clock: Clock;
  /** The least used entries go where all of them together weigh more. */
  readonly weightMax: number;
  /** 1 unless given, so that `weightMax` is a number of entries. */
  readonly weightOf?: (value: Value) => number;
  /** Called where a look-up fails that nobody waits for. */
  readonly onFailure?: (error: unknown) => void;
}

interface Entry<Value> extends Cached<Value> {
  /** When its look-up began, monotonic: an answer is as old as its question. */
  readonly requestedAtMs: number;
  readonly weight: number;
}

interface LookUp<Value> {
  readonly requestedAtMs: number;
  readonly answer: Promise<Entry<Value>>;
}

/**
 * Stale-while-revalidate cache, bounded by weight. Concurrent requests for a key share one look-up. What failed is not kept.
 */
export class Cache<Value> {
  readonly #options: CacheOptions<Value>;
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #lookUps = new Map<string, LookUp<Value>>();
  #weight = 0;

  constructor(options: CacheOptions<Value>) {
    this.#options = options;
  }

  async get(
    key: string,
    { freshMs, staleMs }: CacheAge,
    lookUp: () => Promise<Value>,
  ): Promise<Cached<Value>> {
    const now = this.#options.clock.monotonicMs();
    const entry = this.#touch(key);
    if (entry !== undefined && now - entry.requestedAtMs < freshMs) return entry;
    const running = this.#lookUps.get(key);
    if (entry !== undefined && now - entry.requestedAtMs < staleMs) {
      if (running === undefined)
        this.#lookUp(key, lookUp).catch(this.#options.onFailure ?? (() => undefined));
      return entry;
    }
    if (running !== undefined && now - running.requestedAtMs < staleMs) return running.answer;
    return this.#lookUp(key, lookUp);
  }

  /** What is kept under a key, whatever its age. */
  peek(key: string): Value | undefined {
    return this.#touch(key)?.value;
  }

  put(key: string, value: Value): void {
    const { clock } = this.#options;
    this.#keep(key, { value, looked_up_at: clock.nowMs(), requestedAtMs: clock.monotonicMs() });
  }

  drop(key: string): void {
    this.#remove(key);
  }

  #lookUp(key: string, lookUp: () => Promise<Value>): Promise<Entry<Value>> {
    const { clock } = this.#options;
    const requestedAtMs = clock.monotonicMs();
    const answer = lookUp()
      .then((value) => this.#keep(key, { value, looked_up_at: clock.nowMs(), requestedAtMs }))
      .finally(() => {
        if (this.#lookUps.get(key)?.answer === answer) this.#lookUps.delete(key);
      });
    this.#lookUps.set(key, { requestedAtMs, answer });
    return answer;
  }

  #touch(key: string): Entry<Value> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  #keep(key: string, found: Omit<Entry<Value>, "weight">): Entry<Value> {
    const { weightMax, weightOf } = this.#options;
    const entry = { ...found, weight: weightOf?.(found.value) ?? 1 };
    this.#remove(key);
    if (entry.weight > weightMax) return entry;
    this.#entries.set(key, entry);
    this.#weight += entry.weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= weightMax) break;
      this.#remove(oldest);
    }
    return entry;
  }

  #remove(key: string): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    this.#entries.delete(key);
  }
}
