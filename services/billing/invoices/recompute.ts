import { type ComputedInvoice, computeInvoice, drawnBefore } from "../../domain/billing/compute-invoice.ts";
import type { PublishedBook } from "../../domain/billing/contract-segments.ts";
import type { Invoice } from "../../domain/billing/invoice.ts";
import type { TenantHour } from "../../domain/billing/statement.ts";
import type { ChargedHour } from "../../domain/ports/charges.ts";

import { publishedBooks } from "../books/books.ts";
import { contractIn, type InvoiceInputs } from "../issued/invoice-inputs.ts";
import { invoicesOf, type StoredInvoice } from "../issued/issued-invoices.ts";
import type { Invoicing } from "./draft-invoice.ts";

export interface Recomputed {
  readonly computed: ComputedInvoice;
  /** The hours that it was settled from, with the ids of their charges. */
  readonly hours: readonly ChargedHour[];
  /** Invoices before it, in the state that they were in then. */
  readonly earlier: readonly Invoice[];
}

/** Settles once more from exactly what an invoice rests on: it must come to the same, whatever has happened since. */
export async function recompute(pricing: Invoicing, stored: StoredInvoice): Promise<Recomputed> {
  const { tenant_id } = stored.invoice;
  const [books, { invoices }, hours] = await Promise.all([
    publishedBooks(pricing),
    invoicesOf(pricing.documents, tenant_id),
    pricing.charges.hours(tenant_id, stored.basis.rests_on),
  ]);
  const earlier = earlierOf(stored.basis, invoices);
  if (earlier.length < stored.basis.earlier.length) {
    throw new Error(`an invoice before ${stored.invoice.invoice_id} is not there any more`);
  }
  return { computed: recomputeFrom(pricing, stored, { books, hours, earlier }), hours, earlier };
}

/** The same from hours that were computed anew, and from as much as is there of books and earlier invoices. */
export function recomputeFrom(
  { hash }: Pick<Invoicing, "hash">,
  { invoice, basis }: StoredInvoice,
  from: {
    readonly books: readonly PublishedBook[];
    readonly hours: readonly TenantHour[];
    readonly earlier: readonly Invoice[];
  },
): ComputedInvoice {
  const periods = basis.periods.map((period) => ({ from: period.from, to: period.to }));
  return computeInvoice({
    ...contractIn(invoice, basis, from.books),
    periods,
    hours: from.hours,
    opening: drawnBefore(from.earlier, periods[0]?.from ?? 0),
    invoices: from.earlier,
    hash,
  });
}

/** Invoices before one, in the state that they were in then; without those that are gone. */
export function earlierOf({ earlier }: InvoiceInputs, issued: readonly StoredInvoice[]): Invoice[] {
  const byId = new Map(issued.map(({ invoice }) => [invoice.invoice_id, invoice]));
  return earlier.flatMap(({ invoice_id, state }) => {
    const found = byId.get(invoice_id);
    return found === undefined ? [] : [{ ...found, state }];
  });
}
