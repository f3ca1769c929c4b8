/** Answers that never change, kept in memory while all of them have at most so many bytes; the least used go first. */
export class KeptAnswers<Entry extends { readonly content: Uint8Array }> {
  readonly #kept = new Map<string, Entry>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): Entry | undefined {
    const entry = this.#kept.get(key);
    if (entry !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, entry);
    }
    return entry;
  }

  keep(key: string, entry: Entry): void {
    if (this.#kept.has(key) || entry.content.length > this.#bytesMax) return;
    this.#kept.set(key, entry);
    this.#bytes += entry.content.length;
    for (const [oldest, { content }] of this.#kept) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#kept.delete(oldest);
      this.#bytes -= content.length;
    }
  }
}
