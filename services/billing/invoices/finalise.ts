// Invoice runs: each tenant of a period is settled, and what has not been invoiced yet gets a number and is final.

import { isRefusal, type Refusal, refuse } from "../../domain/access/refusal.ts";
import type { Period } from "../../domain/billing/contract-segments.ts";
import { finalise, invoiceText } from "../../domain/billing/invoice.ts";
import { arePeriodsSame } from "../../domain/billing/periods.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { invoiceDocuments, lastNumber, type StoredInvoice } from "../issued/issued-invoices.ts";
import { draftTenantInvoice, type Invoicing, type TenantDraft } from "./draft-invoice.ts";

/** What became of a tenant in a run. */
export type Outcome = { readonly tenant_id: string; readonly period: Period } & (
  | { readonly status: "finalised"; readonly stored: StoredInvoice }
  /** Everything was invoiced before; with the period's newest invoice, if it has one. */
  | { readonly status: "nothing_new"; readonly stored: StoredInvoice | null }
  | { readonly status: "refused"; readonly refusal: Refusal }
);

/** Tenants whose invoices are written together. */
const TENANTS_AT_ONCE = 10;
/** How often somebody else may come in between with the same tenant. */
const TRIES = 5;
const NAMED_MAX = 100;

/** Finalises a period for these tenants. Run again it changes nothing, so one that broke off is just repeated. */
export async function finalisePeriod(
  pricing: Invoicing,
  tenants: readonly string[],
  period: Period,
  written_by: string,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let start = 0; start < tenants.length; start += TENANTS_AT_ONCE) {
    const chunk = tenants.slice(start, start + TENANTS_AT_ONCE);
    outcomes.push(...(await finaliseChunk(pricing, chunk, period, written_by)));
  }
  return outcomes;
}

async function finaliseChunk(
  pricing: Invoicing,
  tenants: readonly string[],
  period: Period,
  written_by: string,
): Promise<Outcome[]> {
  for (let tries = 1; ; tries += 1) {
    const prepared = await Promise.all(tenants.map((tenant_id) => prepare(pricing, tenant_id, period)));
    const drafts = prepared.flatMap((it) => ("draft" in it ? [it.draft] : []));
    const issued = drafts.length === 0 ? [] : await issue(pricing, drafts, written_by);
    if (issued !== null) {
      const byTenant = new Map(issued.map((stored) => [stored.invoice.tenant_id, stored]));
      return prepared.map((it): Outcome => {
        if (!("draft" in it)) return it;
        const { tenant_id } = it.draft;
        const stored = byTenant.get(tenant_id);
        if (stored === undefined) throw new Error(`the invoice of ${tenant_id} was not written`);
        return { tenant_id, period, status: "finalised", stored };
      });
    }
    if (tries === TRIES) {
      const refused = refuse("API_VERSION_STALE");
      return tenants.map((tenant_id) => ({ tenant_id, period, status: "refused", refusal: refused }));
    }
  }
}

async function prepare(
  pricing: Invoicing,
  tenant_id: string,
  period: Period,
): Promise<Outcome | { readonly draft: TenantDraft }> {
  const refused = (it: Refusal): Outcome => ({ tenant_id, period, status: "refused", refusal: it });
  if (period.to * 1000 > pricing.clock.nowMs()) return refused(refuse("INVOICE_PERIOD_RUNNING"));
  const waiting = await waitingHours(pricing, tenant_id, period);
  if (waiting !== null) return refused(waiting);
  const drafted = await draftTenantInvoice(pricing, tenant_id, period);
  if (isRefusal(drafted)) return refused(drafted);
  if (drafted.invoice !== null) return { draft: drafted };
  const stored = drafted.before.invoices.findLast(({ invoice }) =>
    arePeriodsSame({ from: invoice.period_from, to: invoice.period_to }, period),
  );
  return { tenant_id, period, status: "nothing_new", stored: stored ?? null };
}

async function waitingHours(
  { charges }: Invoicing,
  tenant_id: string,
  period: Period,
): Promise<Refusal | null> {
  const waiting = await charges.waiting(tenant_id, period, NAMED_MAX);
  if (waiting.length === 0) return null;
  const faults = waiting.map(({ hour, why }) => ({ path: formatHour(hour), code: why, message: WHY[why] }));
  return refuse("INVOICE_HOURS_WAITING", "", faults);
}

const WHY = {
  open: "has usage and is not closed",
  unrated: "is closed and its newest revision is not rated",
  unpriced: "has usage of a card that the price book has no price for",
} as const;

/** Numbers the drafts and writes them, all or none; null where somebody else wrote for one of the tenants meanwhile. */
async function issue(
  { documents, hash, clock, seller }: Invoicing,
  drafts: readonly TenantDraft[],
  finalised_by: string,
): Promise<StoredInvoice[] | null> {
  const finalised_at = new Date(clock.nowMs()).toISOString();
  let issued: StoredInvoice[] = [];
  const result = await documents.append(async () => {
    const last = await lastNumber(documents, "invoice");
    issued = drafts.map(({ invoice: draft, basis }, index) => {
      const before = last + BigInt(index);
      const numbered = draft === null ? null : finalise(draft, before + 1n, before);
      if (!numbered?.ok) throw new Error("a draft cannot be finalised");
      const { invoice } = numbered;
      const content_hash = hash(invoiceText(invoice));
      return { invoice, basis, content_hash, seller, finalised_at, finalised_by, voided: null };
    });
    return issued.flatMap((stored, index) => invoiceDocuments(stored, drafts[index]?.before.version ?? 0));
  });
  return result === "written" ? issued : null;
}
