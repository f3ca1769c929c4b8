import type { Invoice } from "../../domain/pricing/invoice/invoice.ts";
import { drawnBefore, type Settled, settle } from "../../domain/pricing/settlement/settle.ts";
import { publishedBooks } from "../books.ts";
import { invoicesOf, type StoredInvoice } from "../invoices.ts";
import type { ChargedHour } from "../ports.ts";
import { contractIn } from "./basis.ts";
import type { Invoicing } from "./settle-tenant.ts";

export interface Recomputed {
  readonly settled: Settled;
  /** The hours that it was settled from, with the ids of their charges. */
  readonly hours: readonly ChargedHour[];
  /** Invoices before it, in the state that they were in then. */
  readonly earlier: readonly Invoice[];
}

/** Settles once more from exactly what an invoice rests on: it must come to the same, whatever has happened since. */
export async function recompute(pricing: Invoicing, { invoice, basis }: StoredInvoice): Promise<Recomputed> {
  const { tenant_id } = invoice;
  const [books, { invoices }, hours] = await Promise.all([
    publishedBooks(pricing),
    invoicesOf(pricing.documents, tenant_id),
    pricing.charges.hours(tenant_id, basis.rests_on),
  ]);
  const byId = new Map(invoices.map((it) => [it.invoice.invoice_id, it.invoice]));
  const earlier = basis.earlier.map(({ invoice_id, state }) => {
    const found = byId.get(invoice_id);
    if (found === undefined) throw new Error(`invoice ${invoice_id} is not there any more`);
    return { ...found, state };
  });
  const periods = basis.periods.map(({ from, to }) => ({ from, to }));
  const settled = settle({
    ...contractIn(invoice, basis, books),
    periods,
    hours,
    opening: drawnBefore(earlier, periods[0]?.from ?? 0),
    invoices: earlier,
    hash: pricing.hash,
  });
  return { settled, hours, earlier };
}
