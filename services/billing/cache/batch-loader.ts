/**
 * Asks about many ids at once: whoever comes while an answer is under way is in the next question. So no answer is older than
 * the request, and however many there are, one question at a time is under way.
 */
export class BatchLoader {
  readonly #ask: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  #running: Promise<unknown> = Promise.resolve();
  #next: { readonly ids: Set<string>; readonly answer: Promise<ReadonlySet<string>> } | null = null;

  constructor(ask: (ids: readonly string[]) => Promise<ReadonlySet<string>>) {
    this.#ask = ask;
  }

  async has(id: string): Promise<boolean> {
    this.#next ??= this.#afterRunning(new Set());
    const { ids, answer } = this.#next;
    ids.add(id);
    return (await answer).has(id);
  }

  #afterRunning(ids: Set<string>) {
    const answer = this.#running.then(() => {
      this.#next = null;
      return this.#ask([...ids]);
    });
    this.#running = answer.catch(() => undefined);
    return { ids, answer };
  }
}
