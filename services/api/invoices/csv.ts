// The lines of an invoice or credit note as CSV (RFC 4180), one row each, with the head repeated in every row.

import type { StoredCreditNote, StoredInvoice } from "../../billing/issued/issued-invoices.ts";
import { type InvoiceLine, lineFields } from "../../domain/billing/invoice.ts";
import { formatHour } from "../../domain/time/hour.ts";

type Fields = Readonly<Record<string, string>>;

export function invoiceCsv({ invoice, finalised_at }: StoredInvoice): string {
  const { invoice_id, number, state, tenant_id, currency, period_from, period_to } = invoice;
  const head = {
    invoice_number: String(number),
    invoice_id,
    state,
    finalised_at,
    tenant_id,
    currency,
    invoice_from: formatHour(period_from),
    invoice_to: formatHour(period_to),
  };
  return csv(head, invoice.lines);
}

export function creditNoteCsv({ note, invoice_number, issued_at }: StoredCreditNote): string {
  const { credit_note_id, number, invoice_id, tenant_id, currency, reason } = note;
  const credit_note_number = String(number);
  const head = {
    credit_note_number,
    credit_note_id,
    invoice_number,
    invoice_id,
    issued_at,
    tenant_id,
    currency,
    reason,
  };
  return csv(head, note.lines);
}

function csv(head: Fields, lines: readonly InvoiceLine[]): string {
  const rows = lines.map((line): Fields => {
    return { ...head, ...lineFields(line), period_from: formatHour(line.period_from) };
  });
  const [first = head] = rows;
  const names = Object.keys(first);
  const texts = rows.map((row) => names.map((name) => field(row[name] ?? "")).join(","));
  return [names.join(","), ...texts, ""].join("\r\n");
}

/** A text that a spreadsheet would take for a formula is marked as a text; numbers stay as they are. */
function field(text: string): string {
  const isFormula = /^[=+\-@\t\r]/.test(text) && !/^-?[0-9]+([.][0-9]+)?$/.test(text);
  const safe = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
