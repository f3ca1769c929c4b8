export type DocumentKind =
  | "api_key"
  | "price_book"
  | "correction"
  | "idempotency"
  | "tenant"
  | "job_run"
  | "invoice"
  | "invoice_number"
  | "invoice_void"
  | "credit_note"
  | "tenant_invoice"
  | "index_point"
  | "budget"
  | "alert"
  | "alert_delivery";

export interface NewDocument {
  readonly kind: DocumentKind;
  readonly id: string;
  /** 1 for a new one; one more than the newest for a change. */
  readonly version: number;
  /** Plain JSON. */
  readonly content: unknown;
  readonly written_by: string;
  readonly reason: string;
}

export interface WrittenDocument {
  readonly id: string;
  readonly version: number;
  readonly content: unknown;
  readonly written_by: string;
  readonly reason: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly written_at: number;
}

/** Versioned documents that never change: contracts, drafts, invoices, keys, budgets. */
export interface Documents {
  newest(kind: DocumentKind, id: string): Promise<WrittenDocument | null>;
  /** The newest version of each of these ids that is there, in any order. */
  newestOf(kind: DocumentKind, ids: readonly string[]): Promise<readonly WrittenDocument[]>;
  /** Newest first; those below `before` if it is given. */
  versions(
    kind: DocumentKind,
    id: string,
    limit: number,
    before?: number,
  ): Promise<readonly WrittenDocument[]>;
  /** The newest versions in the order of their ids, after one. */
  list(kind: DocumentKind, after: string, limit: number): Promise<readonly WrittenDocument[]>;
  /**
   * All or none; none if one of them is not the next version of its id, or of one before it in the list. A function makes
   * them once nobody else can write, so that what they count on from what is stored still holds.
   */
  append(
    documents: readonly NewDocument[] | (() => Promise<readonly NewDocument[]>),
  ): Promise<"written" | "version_taken">;
}
