// Invoices and credit notes as documents. An invoice has one version and never changes: that it was voided is a document of its
// own. Each tenant's are listed in one history, whose next version guards against two writers for the same tenant; a number is
// a version of its series, so that numbers have no gaps.

import type { Audience } from "../../domain/access/audience.ts";
import type { Period } from "../../domain/billing/contract-segments.ts";
import type { CreditNote, Invoice } from "../../domain/billing/invoice.ts";
import {
  type CreditNoteDocument,
  creditNoteDocument,
  type InvoiceDocument,
  invoiceDocument,
  readCreditNote,
  readInvoice,
} from "../../domain/billing/invoice-document.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import type { DocumentKind, Documents, NewDocument, WrittenDocument } from "../../domain/ports/documents.ts";

import type { Hour } from "../../domain/time/hour.ts";
import type { InvoiceInputs } from "./invoice-inputs.ts";

export type Series = "invoice" | "credit_note";

interface InvoiceContent {
  readonly invoice: InvoiceDocument;
  readonly basis: InvoiceInputs;
  /** Of the invoice's text; the same text gives the same hash wherever it is computed again. */
  readonly content_hash: string;
  readonly seller: string;
  readonly finalised_at: string;
}

/** The order that took an invoice back. */
export interface InvoiceVoid {
  readonly credit_note_id: string;
  readonly number: string;
  readonly reason: string;
  readonly voided_at: string;
  readonly voided_by: string;
}

export interface StoredInvoice extends Omit<InvoiceContent, "invoice"> {
  /** In its present state. */
  readonly invoice: Invoice;
  readonly finalised_by: string;
  readonly voided: InvoiceVoid | null;
}

export interface StoredCreditNote {
  readonly note: CreditNote;
  readonly invoice_number: string;
  readonly seller: string;
  readonly issued_at: string;
}

type CreditNoteContent = Omit<StoredCreditNote, "note"> & { readonly note: CreditNoteDocument };

/** What lists show. */
export interface InvoiceSummary {
  readonly invoice_id: string;
  readonly number: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly period_from: number;
  readonly period_to: number;
  readonly amount: string;
  readonly total: string;
  readonly lines: number;
  readonly adjustments: number;
  readonly finalised_at: string;
}

export type CreditNoteSummary = Omit<CreditNoteDocument, "lines"> & {
  readonly invoice_number: string;
  readonly issued_at: string;
};

/** An entry of a tenant's history. */
type HistoryEntry =
  | { readonly kind: "invoice"; readonly summary: InvoiceSummary }
  | { readonly kind: "credit_note"; readonly summary: CreditNoteSummary; readonly voided: InvoiceVoid };

/** A tenant's invoices in the order in which they were issued, and the version of its history that they are from. */
export interface TenantInvoices {
  readonly version: number;
  readonly invoices: readonly StoredInvoice[];
}

const HISTORY_MAX = 100_000;

export async function findInvoice(documents: Documents, invoice_id: string): Promise<StoredInvoice | null> {
  const [written, voided] = await Promise.all([
    documents.newest("invoice", invoice_id),
    documents.newest("invoice_void", invoice_id),
  ]);
  return written === null ? null : fromDocument(written, (voided?.content ?? null) as InvoiceVoid | null);
}

export async function findCreditNote(
  documents: Documents,
  credit_note_id: string,
): Promise<StoredCreditNote | null> {
  const written = await documents.newest("credit_note", credit_note_id);
  if (written === null) return null;
  const content = written.content as CreditNoteContent;
  return { ...content, note: readCreditNote(content.note) };
}

/** Every invoice of a tenant, voided ones too. */
export async function invoicesOf(documents: Documents, tenant_id: string): Promise<TenantInvoices> {
  const entries = await historyOf(documents, tenant_id);
  const voids = new Map(
    entries.flatMap((it) => (it.kind === "credit_note" ? [[it.summary.invoice_id, it.voided] as const] : [])),
  );
  const ids = entries.flatMap((it) => (it.kind === "invoice" ? [it.summary.invoice_id] : []));
  const written = new Map((await documents.newestOf("invoice", ids)).map((it) => [it.id, it]));
  const invoices = ids.map((id) => {
    const document = written.get(id);
    if (document === undefined) throw new Error(`invoice ${id} is in a history and nowhere else`);
    return fromDocument(document, voids.get(id) ?? null);
  });
  return { version: entries.length, invoices };
}

/** The first hour that no invoice covers; 0 where none does. Voided ones count no more. */
export async function invoicedUntil(documents: Documents, tenant_id: string): Promise<Hour> {
  const entries = await historyOf(documents, tenant_id);
  const voided = new Set(
    entries.flatMap(({ kind, summary }) => (kind === "credit_note" ? [summary.invoice_id] : [])),
  );
  return entries.reduce<Hour>((until, { kind, summary }) => {
    const isCovering = kind === "invoice" && !voided.has(summary.invoice_id);
    return isCovering ? Math.max(until, summary.period_to) : until;
  }, 0);
}

/** The first period of a tenant and the end of its last one; voided invoices count too. */
export async function coveredPeriods(
  documents: Documents,
  tenant_id: string,
): Promise<{ readonly first: Period | null; readonly end: Hour }> {
  const entries = await historyOf(documents, tenant_id);
  const summaries = entries.flatMap((it) => (it.kind === "invoice" ? [it.summary] : []));
  const [first] = summaries;
  return {
    first: first === undefined ? null : { from: first.period_from, to: first.period_to },
    end: Math.max(0, ...summaries.map(({ period_to }) => period_to)),
  };
}

export async function lastNumber(documents: Documents, series: Series): Promise<bigint> {
  return BigInt((await documents.newest("invoice_number", series))?.version ?? 0);
}

/** What finalising writes: the invoice, its number and the tenant's history, each the next version of its own. */
export function invoiceDocuments(stored: StoredInvoice, historyVersion: number): NewDocument[] {
  const { invoice, finalised_by: written_by } = stored;
  const { basis, content_hash, seller, finalised_at } = stored;
  const content: InvoiceContent = {
    invoice: invoiceDocument(invoice),
    basis,
    content_hash,
    seller,
    finalised_at,
  };
  const summary = summaryOf(stored);
  const make = newDocument(written_by, "finalised");
  return [
    make("invoice", invoice.invoice_id, 1, content),
    make("invoice_number", "invoice", Number(invoice.number), summary),
    make("tenant_invoice", invoice.tenant_id, historyVersion + 1, { kind: "invoice", summary }),
  ];
}

/** What voiding writes. The invoice itself stays as it is. */
export function creditNoteDocuments(
  stored: StoredCreditNote,
  voided: InvoiceVoid,
  historyVersion: number,
): NewDocument[] {
  const { credit_note_id, invoice_id, tenant_id, number } = stored.note;
  const content: CreditNoteContent = { ...stored, note: creditNoteDocument(stored.note) };
  const summary = creditNoteSummaryOf(stored);
  const make = newDocument(voided.voided_by, voided.reason);
  return [
    make("credit_note", credit_note_id, 1, content),
    make("invoice_void", invoice_id, 1, voided),
    make("invoice_number", "credit_note", Number(number), summary),
    make("tenant_invoice", tenant_id, historyVersion + 1, { kind: "credit_note", summary, voided }),
  ];
}

/** A page of a series, newest number first. */
export async function numbered<Summary extends InvoiceSummary | CreditNoteSummary>(
  documents: Documents,
  series: Series,
  audience: Audience,
  before: number | undefined,
  limit: number,
): Promise<{ readonly place: number; readonly summary: Summary }[]> {
  if (audience.kind === "all") {
    const found = await documents.versions("invoice_number", series, limit, before);
    return found.map(({ version, content }) => ({ place: version, summary: content as Summary }));
  }
  const entries: { place: number; summary: Summary }[] = [];
  for (let place = before; entries.length < limit; ) {
    const found = await documents.versions("tenant_invoice", audience.tenant_id, limit, place);
    for (const { version, content } of found) {
      const { kind, summary } = content as HistoryEntry;
      if (kind === series) entries.push({ place: version, summary: summary as Summary });
    }
    place = found.at(-1)?.version;
    if (found.length < limit) break;
  }
  return entries.slice(0, limit);
}

/** Which of these invoices were voided. */
export async function voidedAmong(documents: Documents, ids: readonly string[]): Promise<Set<string>> {
  return new Set((await documents.newestOf("invoice_void", ids)).map(({ id }) => id));
}

export function summaryOf({ invoice, finalised_at }: StoredInvoice): InvoiceSummary {
  const { invoice_id, number, tenant_id, currency, period_from, period_to, amount, total, lines } = invoice;
  return {
    invoice_id,
    number: String(number),
    tenant_id,
    currency,
    period_from,
    period_to,
    amount: formatDecimal(amount),
    total: formatDecimal(total),
    lines: lines.length,
    adjustments: lines.filter(({ reference }) => reference !== null).length,
    finalised_at,
  };
}

export function creditNoteSummaryOf(stored: StoredCreditNote): CreditNoteSummary {
  const { lines: _lines, ...summary } = creditNoteDocument(stored.note);
  return { ...summary, invoice_number: stored.invoice_number, issued_at: stored.issued_at };
}

async function historyOf(documents: Documents, tenant_id: string): Promise<HistoryEntry[]> {
  const history = await documents.versions("tenant_invoice", tenant_id, HISTORY_MAX);
  return history.toReversed().map(({ content }) => content as HistoryEntry);
}

function fromDocument({ content, written_by }: WrittenDocument, voided: InvoiceVoid | null): StoredInvoice {
  const { invoice: document, ...stored } = content as InvoiceContent;
  const invoice = readInvoice(document);
  return {
    ...stored,
    invoice: voided === null ? invoice : { ...invoice, state: "voided" },
    finalised_by: written_by,
    voided,
  };
}

function newDocument(written_by: string, reason: string) {
  return (kind: DocumentKind, id: string, version: number, content: unknown): NewDocument => {
    return { kind, id, version, content, written_by, reason };
  };
}
