import type { Caller } from "../../domain/access/caller.ts";
import { type Refusal, refuse } from "../../domain/access/refusal.ts";

import { voidInvoice } from "../../domain/billing/invoice.ts";
import {
  creditNoteDocuments,
  findCreditNote,
  findInvoice,
  type InvoiceVoid,
  lastNumber,
  type StoredCreditNote,
} from "../issued/issued-invoices.ts";
import type { Invoicing } from "./draft-invoice.ts";

/** How often somebody else may come in between with the same tenant. */
const TRIES = 5;

/** Takes an invoice back by a credit note. The same order by the same caller gets the credit note that is there. */
export async function voidByCreditNote(
  pricing: Invoicing,
  invoice_id: string,
  { reason, caller }: { readonly reason: string; readonly caller: Caller },
): Promise<StoredCreditNote | Refusal> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const stored = await findInvoice(pricing.documents, invoice_id);
    if (stored === null) return refuse("API_NOT_FOUND");
    const { voided } = stored;
    if (voided !== null) {
      const isSame = voided.reason === reason && voided.voided_by === caller.key_id;
      const note = isSame ? await findCreditNote(pricing.documents, voided.credit_note_id) : null;
      return note ?? refuse("INVOICE_NOT_FINALISED", `credit note ${voided.number}`);
    }
    const note = await issueCreditNote(pricing, stored, reason, caller);
    if (note !== null) return note;
  }
  return refuse("API_VERSION_STALE");
}

async function issueCreditNote(
  { documents, hash, clock }: Invoicing,
  stored: NonNullable<Awaited<ReturnType<typeof findInvoice>>>,
  reason: string,
  caller: Caller,
): Promise<StoredCreditNote | null> {
  let issued: StoredCreditNote | null = null;
  const { invoice, seller } = stored;
  const voided_at = new Date(clock.nowMs()).toISOString();
  const result = await documents.append(async () => {
    const last = await lastNumber(documents, "credit_note");
    const history = await documents.newest("tenant_invoice", invoice.tenant_id);
    const done = voidInvoice(invoice, { number: last + 1n, last, reason }, hash);
    if (!done.ok) throw new Error(`invoice ${invoice.invoice_id} cannot be voided: ${done.refusal}`);
    const { credit_note } = done;
    const voided: InvoiceVoid = {
      credit_note_id: credit_note.credit_note_id,
      number: String(credit_note.number),
      reason,
      voided_at,
      voided_by: caller.key_id,
    };
    const invoice_number = String(invoice.number);
    issued = { note: credit_note, invoice_number, seller, issued_at: voided_at };
    return creditNoteDocuments(issued, voided, history?.version ?? 0);
  });
  return result === "written" ? issued : null;
}
