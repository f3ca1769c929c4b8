// Invoices and credit notes as the API shows them: hours as texts.

import type { TenantDraft } from "../../billing/invoices/draft-invoice.ts";
import {
  creditNoteSummaryOf,
  type InvoiceSummary,
  type InvoiceVoid,
  type StoredCreditNote,
  type StoredInvoice,
} from "../../billing/issued/issued-invoices.ts";
import { type InvoiceLineDocument, lineDocument } from "../../domain/billing/invoice-document.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import type { RevisionRun, WaitingHour } from "../../domain/ports/charges.ts";

import { formatHour } from "../../domain/time/hour.ts";

export function toInvoiceResponse({ invoice, basis, voided, ...stored }: StoredInvoice) {
  return {
    invoice_id: invoice.invoice_id,
    number: String(invoice.number),
    state: stateOf(voided !== null),
    tenant_id: invoice.tenant_id,
    seller: stored.seller,
    currency: invoice.currency,
    period_from: formatHour(invoice.period_from),
    period_to: formatHour(invoice.period_to),
    finalised_at: stored.finalised_at,
    amount: formatDecimal(invoice.amount),
    total: formatDecimal(invoice.total),
    content_hash: stored.content_hash,
    lines: invoice.lines.map((line) => toLineResponse(lineDocument(line))),
    periods: basis.periods.map(({ from, to }) => ({ from: formatHour(from), to: formatHour(to) })),
    rests_on: basis.rests_on.map(toRunResponse),
    voided: voided === null ? null : toVoidResponse(voided),
  };
}

export function toDraftResponse(
  { tenant_id, currency, invoice, basis }: TenantDraft,
  waiting: readonly WaitingHour[],
) {
  const last = basis.periods.at(-1);
  return {
    invoice_id: invoice?.invoice_id ?? null,
    state: "draft" as const,
    tenant_id,
    currency,
    period_from: formatHour(last?.from ?? 0),
    period_to: formatHour(last?.to ?? 0),
    amount: formatDecimal(invoice?.amount ?? 0n),
    total: formatDecimal(invoice?.total ?? 0n),
    lines: (invoice?.lines ?? []).map((line) => toLineResponse(lineDocument(line))),
    rests_on: basis.rests_on.map(toRunResponse),
    waiting: waiting.map(({ hour, why }) => ({ hour: formatHour(hour), why })),
  };
}

export function toSummaryResponse(summary: InvoiceSummary, isVoided: boolean) {
  const { period_from, period_to } = summary;
  return {
    ...summary,
    state: stateOf(isVoided),
    period_from: formatHour(period_from),
    period_to: formatHour(period_to),
  };
}

export function toCreditNoteResponse(stored: StoredCreditNote) {
  const lines = stored.note.lines.map((line) => toLineResponse(lineDocument(line)));
  return { ...creditNoteSummaryOf(stored), seller: stored.seller, lines };
}

function toLineResponse(line: InvoiceLineDocument) {
  return { ...line, period_from: formatHour(line.period_from) };
}

function toVoidResponse({ credit_note_id, number, reason, voided_at }: InvoiceVoid) {
  return { credit_note_id, number, reason, voided_at };
}

function toRunResponse({ from, to, revision, price_book }: RevisionRun) {
  return { from: formatHour(from), to: formatHour(to), revision, price_book };
}

function stateOf(isVoided: boolean) {
  return isVoided ? ("voided" as const) : ("finalised" as const);
}
