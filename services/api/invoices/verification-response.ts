// The verification of an invoice as the API shows it: the first of everything that differs, and how many more.

import type { Depth, HourFinding, InvoiceVerification } from "../../billing/invoices/verify.ts";
import type { StoredInvoice } from "../../billing/issued/issued-invoices.ts";
import { findingsJson, NO_FINDINGS } from "../../domain/closing/verification.ts";
import { formatHour } from "../../domain/time/hour.ts";

const NAMED_MAX = 100;

export function toVerificationResponse(
  { invoice }: StoredInvoice,
  depth: Depth,
  { lines, charges, hours, changed_books, changed_invoices, ...verified }: InvoiceVerification,
) {
  const differences = [lines, charges, hours, changed_books, changed_invoices];
  return {
    invoice_id: invoice.invoice_id,
    number: String(invoice.number),
    tenant_id: invoice.tenant_id,
    depth,
    matches: verified.document_matches && differences.every((list) => list.length === 0),
    ...verified,
    lines: lines.slice(0, NAMED_MAX),
    more_lines: moreThan(lines),
    charges: charges.slice(0, NAMED_MAX).map((it) => ({ ...it, hour: formatHour(it.hour) })),
    more_charges: moreThan(charges),
    hours: hours.slice(0, NAMED_MAX).map(toHourResponse),
    more_hours: moreThan(hours),
    changed_books: [...changed_books],
    changed_invoices: [...changed_invoices],
  };
}

function toHourResponse({ hour, revision, check }: HourFinding) {
  const { rows_match, chain_matches } = check ?? { rows_match: false, chain_matches: false };
  return {
    hour: formatHour(hour),
    revision,
    is_there: check !== null,
    rows_match,
    chain_matches,
    ...findingsJson(check ?? { keys: [], ...NO_FINDINGS }),
  };
}

function moreThan(list: readonly unknown[]): number {
  return Math.max(0, list.length - NAMED_MAX);
}
