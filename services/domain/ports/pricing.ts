import type { Static } from "typebox";
import type { RevisionRun } from "../../api/invoicing/basis.ts";
import type {
  AccountingRow,
  ChargedEvent,
  ChargeShape,
  ChargeTerms,
  EventHistory,
  EventRow,
  HourRow,
  RejectedRow,
  SessionShape,
  UsageLines,
} from "../../api/schemas.ts";
import type { HourRevision } from "../billing/settle.ts";
import type { TenantHour } from "../billing/statement.ts";
import type { HourVerification, TenantHourCheck } from "../closing/verification.ts";
import type { Hour } from "../time/hour.ts";

export type ChargeLine = Static<typeof ChargeShape>;
export type ChargeDetail = Static<typeof ChargeTerms>;
export type StoredEvent = Static<typeof EventRow>;
export type VoidOrder = Static<typeof EventHistory>["voids"][number];

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

/** What this service keeps: versioned documents, never changed. */
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
   * All or none; none if one of them is not the next version of its id, or of one before it in the list. Given as a function, they are made once nobody
   * else can write, so that what they count on from what is stored still holds.
   */
  append(
    documents: readonly NewDocument[] | (() => Promise<readonly NewDocument[]>),
  ): Promise<"written" | "version_taken">;
}

export interface Range {
  readonly from: Hour;
  /** Not included. */
  readonly to: Hour;
}

/** What the log, the closed hours and their charges say. Nothing is written here. */
export interface Ledger {
  /** Current charges; of everybody and the operator if `billed_to` is empty. In the order of their ids. */
  charges(range: Range, billed_to: string, after: string, limit: number): Promise<readonly ChargeLine[]>;
  charge(charge_id: string): Promise<ChargeDetail | null>;
  /** Tenants that have charges, in the order of their ids: the one that is named if it has any, or all after a place. */
  billedTenants(tenant_id: string, after: string, limit: number): Promise<readonly string[]>;
  sessions(
    charge: ChargeDetail,
    after: string,
    limit: number,
  ): Promise<readonly Static<typeof SessionShape>[]>;
  /** Of one session, or of all if it is empty. */
  events(
    charge: ChargeDetail,
    session_id: string,
    after: string,
    limit: number,
  ): Promise<readonly Static<typeof ChargedEvent>[]>;
  usage(tenant_id: string, range: Range): Promise<Static<typeof UsageLines>>;
  /** What a tenant has spent in the range, rated and not yet, and how far records are counted that came since `since`. */
  spend(tenant_id: string, range: Range, since: Hour): Promise<readonly SpendRecord[]>;
  /** When the newest counted record was appended, milliseconds; null if none was since `since`. */
  countedUntil(since: Hour): Promise<number | null>;
  accounting(
    range: Range,
    tenant_id: string,
    after: { hour: string; tenant_id: string },
    limit: number,
  ): Promise<readonly Static<typeof AccountingRow>[]>;
  rejected(
    filter: { code: string; tenant_id: string },
    after: { partition: number; offset: string },
    limit: number,
  ): Promise<readonly Static<typeof RejectedRow>[]>;
  event(event_id: string): Promise<StoredEvent | null>;
  voidsOf(event_id: string): Promise<readonly VoidOrder[]>;
  hours(
    range: Range,
    after: { hour: string; revision: number },
    limit: number,
  ): Promise<readonly Static<typeof HourRow>[]>;
  /** Of hours up to this one, rows may have been exported and dropped; 0 if nothing was. */
  logFloor(): Promise<Hour>;
  /**
   * Adds the hour up again and names what is not as it was counted, of one tenant if it is named; null if it has no such
   * revision. Revision 0 stands for the newest.
   */
  verify(hour: Hour, revision: number, tenant_id: string): Promise<HourVerification | null>;
  /**
   * The same for one tenant's usage, without what is wrong with others' events: from the hour's rows, from its events, or
   * also finding those that are not what was counted.
   */
  verifyTenantHour(
    asked: { readonly hour: Hour; readonly revision: number; readonly tenant_id: string },
    depth: "rows" | "events" | "findings",
  ): Promise<TenantHourCheck | null>;
}

/** rated: charges of the day that begins at `at`. waiting: sums of windows of the hour. counted: how far records are counted. */
export interface SpendRecord {
  readonly part: "rated" | "waiting" | "counted";
  readonly at: Hour;
  readonly project_id: string;
  readonly currency: string;
  readonly amount: string;
  readonly model: string;
  readonly gpu_model: string;
  readonly sharing: string;
  readonly phase: string;
  readonly outcome: string;
  /** Of what waits: whole numbers by the names of the sums. */
  readonly sums: Readonly<Record<string, string>>;
  /** Milliseconds since 1970 in `counted`, 0 in the others. */
  readonly counted_until: string;
}

/** Sends signed webhooks to addresses that are not trusted. */
export interface Webhooks {
  /** Never rejects because of what the receiver does; `said` is for people. */
  send(
    webhook: { readonly id: string; readonly url: string; readonly body: string },
    signal?: AbortSignal,
  ): Promise<{ readonly isAccepted: boolean; readonly said: string }>;
}

export interface PublishedBook {
  readonly hash: string;
  /** Canonical JSON. */
  readonly content: string;
}

export interface NewBook extends PublishedBook {
  readonly name: string;
  readonly effective_from: Hour;
  readonly currency: string;
}

/** Published price books, which settlement rates by. */
export interface Books {
  published(): Promise<readonly PublishedBook[]>;
  publish(book: NewBook): Promise<"published" | "overlaps" | "too_late">;
}

/** An hour of a tenant as it was rated, with the id that each of its charges is asked for by. */
export interface ChargedHour extends TenantHour {
  readonly charge_ids: readonly string[];
}

/** Why an hour cannot be invoiced yet: not closed, not rated, or with a card that has no price. */
export interface WaitingHour {
  readonly hour: Hour;
  readonly why: "open" | "unrated" | "unpriced";
}

/** Charges as settlement takes them, tenant by tenant. */
export interface TenantCharges {
  /** The newest rated revision of each hour in which the tenant has charges, in order. */
  revisions(tenant_id: string, range: Range): Promise<readonly HourRevision[]>;
  /** The tenant's charges in the hours of these revisions. */
  hours(tenant_id: string, runs: readonly RevisionRun[]): Promise<readonly ChargedHour[]>;
  /** Hours of anybody that are not closed or not rated, and those in which a card of the tenant has no price; in order. */
  waiting(tenant_id: string, range: Range, limit: number): Promise<readonly WaitingHour[]>;
}

/** Where corrections go: the log that the probes write to. */
export interface CorrectionLog {
  /** Resolves once the records are safe. `key` is the event's id. */
  send(records: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): Promise<void>;
}
