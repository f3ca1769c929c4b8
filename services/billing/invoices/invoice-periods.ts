// The invoice run that a clock makes: every period that is over for long enough, for everybody.

import type { Period } from "../../domain/billing/contract-segments.ts";
import { monthOf, periodsOf } from "../../domain/billing/periods.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { contractOf } from "../contracts/contracts.ts";
import { coveredPeriods } from "../issued/issued-invoices.ts";
import { type Invoicing, RESTATED_S } from "./draft-invoice.ts";
import { finalisePeriod, type Outcome } from "./finalise.ts";
import { everyTenant } from "./tenants.ts";

/**
 * Finalises what ended at least `graceMs` ago and has no invoice yet, oldest first; nothing where that is 0, as invoices are then
 * made by hand. A period that was voided is left to whoever voided it, and so is one more than 13 months old. Run again, or
 * after breaking off, it goes on where it was. What was refused, such as for an hour that waits, is tried again the next time.
 */
export async function invoicePeriods(
  pricing: Invoicing,
  { graceMs, written_by, signal }: { graceMs: number; written_by: string; signal?: AbortSignal },
): Promise<Outcome[]> {
  if (graceMs === 0) return [];
  const until = Math.floor((pricing.clock.nowMs() - graceMs) / 1000);
  const due = new Map<string, { readonly period: Period; readonly tenants: string[] }>();
  for (const tenant_id of await everyTenant(pricing)) {
    for (const period of await duePeriods(pricing, tenant_id, until)) {
      const key = `${period.from}-${period.to}`;
      const known = due.get(key) ?? { period, tenants: [] };
      known.tenants.push(tenant_id);
      due.set(key, known);
    }
  }
  const outcomes: Outcome[] = [];
  for (const { period, tenants } of [...due.values()].toSorted((a, b) => a.period.from - b.period.from)) {
    if (signal?.aborted === true) break;
    outcomes.push(...(await finalisePeriod(pricing, tenants, period, written_by)));
  }
  return outcomes;
}

async function duePeriods(pricing: Invoicing, tenant_id: string, until: Hour): Promise<Period[]> {
  const { first, end } = await coveredPeriods(pricing.documents, tenant_id);
  const oldest = monthOf(Math.max(0, until - RESTATED_S)).to;
  const from = first === null ? await firstHour(pricing, tenant_id, { from: oldest, to: until }) : end;
  if (from === null || from >= until) return [];
  const periods = periodsOf(first ?? monthOf(from), Math.max(from, oldest), until);
  return periods.filter(({ to }) => to <= until);
}

/** When there first was something to pay for: usage, a subscription, or what was bought. */
async function firstHour(
  pricing: Invoicing,
  tenant_id: string,
  range: { readonly from: Hour; readonly to: Hour },
): Promise<Hour | null> {
  const [used] = await pricing.charges.revisions(tenant_id, range);
  const contract = await contractOf(pricing, tenant_id);
  const agreed = [
    ...(contract?.subscriptions ?? []).map(({ from }) => from),
    ...(contract?.prepaid ?? []).map(({ starts_at }) => starts_at),
  ];
  const starts = used === undefined ? agreed : [...agreed, used.hour];
  return starts.length === 0 ? null : Math.max(range.from, Math.min(...starts));
}
