import type { Clock } from "../../domain/ports/clock.ts";
import type { DocumentKind, Documents, NewDocument, WrittenDocument } from "../../domain/ports/documents.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { ClickHouseFailure } from "./failure.ts";
import { isRefusedBy, Leader, type LeadOptions, StaleLeaderError, staleOr, whileLeading } from "./leader.ts";

type Row = Omit<WrittenDocument, "content" | "written_at"> & {
  readonly content: string;
  readonly written_at: string;
};

const LEASE_MS = 10_000;
const WAIT_MS_MAX = 5_000;
const VERSION_MAX = 4_294_967_295;
/** Ids of one question: the server takes 128 KiB a value. */
const IDS_MAX = 500;
const TRIES = 3;
const QUERY_WAS_CANCELLED = "394";

/** Versioned JSON documents in ClickHouse. Each append leads for as long as it takes. */
export class ClickHouseDocuments implements Documents {
  readonly #clickhouse: ClickHouse;
  readonly #leader: Leader;
  readonly #options: LeadOptions;
  #last: Promise<unknown> = Promise.resolve();

  /** @param owner names this process in the lease */
  constructor(clickhouse: ClickHouse, database: string, owner: string, clock: Clock) {
    this.#clickhouse = clickhouse;
    this.#leader = new Leader(clickhouse, "pricing", database);
    this.#options = { owner, clock, ttlMs: LEASE_MS, waitMsMax: WAIT_MS_MAX };
  }

  async newest(kind: DocumentKind, id: string): Promise<WrittenDocument | null> {
    const [row] = await this.versions(kind, id, 1);
    return row ?? null;
  }

  async newestOf(kind: DocumentKind, ids: readonly string[]): Promise<WrittenDocument[]> {
    const found: WrittenDocument[] = [];
    for (let start = 0; start < ids.length; start += IDS_MAX) {
      const some = ids.slice(start, start + IDS_MAX);
      found.push(...(await this.#ask("pricing_documents_newest", { kind, ids: some })));
    }
    return found;
  }

  versions(kind: DocumentKind, id: string, limit: number, before = VERSION_MAX): Promise<WrittenDocument[]> {
    return this.#ask("pricing_document_versions", { kind, id, limit, before });
  }

  list(kind: DocumentKind, after: string, limit: number): Promise<WrittenDocument[]> {
    return this.#ask("pricing_documents_list", { kind, after, limit });
  }

  /** One append of this process at a time: the lease tells processes apart and not requests. */
  append(documents: Parameters<Documents["append"]>[0]): Promise<"written" | "version_taken"> {
    const turn = this.#last.then(() => this.#lead(documents));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #lead(documents: Parameters<Documents["append"]>[0]): Promise<"written" | "version_taken"> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await whileLeading(this.#leader, this.#options, async (lease) =>
          this.#insert(typeof documents === "function" ? await documents() : documents, lease),
        );
      } catch (error) {
        // Another process took the lead in the same moment and ended this write; had it been done already, its versions are taken.
        if (!isTakenOver(error) || tries === TRIES) throw error;
      }
    }
  }

  async #insert(documents: readonly NewDocument[], lease: Lease): Promise<"written" | "version_taken"> {
    const first = firstVersions(documents);
    if (first === null) return "version_taken";
    const params = {
      ...lease,
      kinds: first.map(({ kind }) => kind),
      ids: first.map(({ id }) => id),
      versions: first.map(({ version }) => version),
    };
    const rows = documents.map((it) => JSON.stringify({ ...it, content: JSON.stringify(it.content) }));
    const body = new TextEncoder().encode(rows.join("\n"));
    const sql = loadQuery("pricing_documents_append");
    // Two owners may have taken the same epoch at once; the guard lets one of them write.
    const marked = { params, ...this.#leader.queryId(`${lease.epoch}:${lease.owner}`) };
    try {
      await staleOr(() => this.#clickhouse.execInsert(sql, body, marked));
      return "written";
    } catch (error) {
      if (isRefusedBy(error, "METERHOUSE_VERSION_TAKEN")) return "version_taken";
      throw error;
    }
  }

  async #ask(name: string, params: Params): Promise<WrittenDocument[]> {
    const rows = await this.#clickhouse.query<Row>(loadQuery(name), params);
    return rows.map((row) => ({
      ...row,
      content: JSON.parse(row.content),
      written_at: Number(row.written_at),
    }));
  }
}

function isTakenOver(error: unknown): boolean {
  const isEnded = error instanceof ClickHouseFailure && error.code === QUERY_WAS_CANCELLED;
  return isEnded || error instanceof StaleLeaderError;
}

/** The first new version of each document; null where versions of one do not follow one another. */
function firstVersions(documents: readonly NewDocument[]): NewDocument[] | null {
  const groups = [...Map.groupBy(documents, ({ kind, id }) => JSON.stringify([kind, id])).values()];
  const areNext = groups.every((own) =>
    own.every(({ version }, at) => version === (own[0]?.version ?? 0) + at),
  );
  return areNext ? groups.flatMap((own) => own.slice(0, 1)) : null;
}
