// The pricing service's documents without a server; the contract suite holds them to the same answers as ClickHouse.
import { compareText } from "../../../services/domain/closing/usage.ts";
import type { Clock } from "../../../services/domain/ports/clock.ts";
import type {
  DocumentKind,
  Documents,
  NewDocument,
  WrittenDocument,
} from "../../../services/domain/ports/documents.ts";

export class MemoryDocuments implements Documents {
  readonly #clock: Clock;
  readonly #written: (NewDocument & WrittenDocument)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async newest(kind: DocumentKind, id: string): Promise<WrittenDocument | null> {
    return (await this.versions(kind, id, 1))[0] ?? null;
  }

  async newestOf(kind: DocumentKind, ids: readonly string[]): Promise<WrittenDocument[]> {
    const found = await Promise.all(ids.map((id) => this.newest(kind, id)));
    return found.filter((it) => it !== null);
  }

  async versions(
    kind: DocumentKind,
    id: string,
    limit: number,
    before = Number.POSITIVE_INFINITY,
  ): Promise<WrittenDocument[]> {
    return this.#written
      .filter((it) => it.kind === kind && it.id === id && it.version < before)
      .toSorted((left, right) => right.version - left.version)
      .slice(0, limit)
      .map(withoutKind);
  }

  async list(kind: DocumentKind, after: string, limit: number): Promise<WrittenDocument[]> {
    const ids = new Set(this.#written.filter((it) => it.kind === kind && it.id > after).map(({ id }) => id));
    const sorted = [...ids].toSorted(compareText).slice(0, limit);
    return Promise.all(sorted.map(async (id) => (await this.newest(kind, id)) as WrittenDocument));
  }

  /** One at a time, as the lease has it. */
  append(
    documents: readonly NewDocument[] | (() => Promise<readonly NewDocument[]>),
  ): Promise<"written" | "version_taken"> {
    const turn = this.#last.then(async () =>
      this.#insert(typeof documents === "function" ? await documents() : documents),
    );
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #insert(documents: readonly NewDocument[]): "written" | "version_taken" {
    const isNext = ({ kind, id, version }: NewDocument, at: number) => {
      const before = [...this.#written, ...documents.slice(0, at)];
      return version === before.filter((it) => it.kind === kind && it.id === id).length + 1;
    };
    if (!documents.every(isNext)) return "version_taken";
    const written_at = this.#clock.nowMs();
    this.#written.push(...documents.map((it) => ({ ...structuredClone(it), written_at })));
    return "written";
  }
}

function withoutKind({ kind: _kind, ...document }: NewDocument & WrittenDocument): WrittenDocument {
  return structuredClone(document);
}
