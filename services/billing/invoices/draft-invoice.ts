// Settles a tenant for a period: finds out which earlier periods have to be stated anew, and what everything rests on.

import { type Refusal, refuse } from "../../domain/access/refusal.ts";
import { computeInvoice, drawnBefore, type HourRevision } from "../../domain/billing/compute-invoice.ts";
import type { Period } from "../../domain/billing/contract-segments.ts";
import type { Invoice } from "../../domain/billing/invoice.ts";
import { arePeriodsSame, monthOf, periodAt, periodsOf } from "../../domain/billing/periods.ts";
import type { Contract } from "../../domain/billing/statement.ts";
import type { TenantCharges } from "../../domain/ports/charges.ts";
import { formatHour, HOUR_S, type Hour } from "../../domain/time/hour.ts";
import { type ContractDeps, contractOf } from "../contracts/contracts.ts";
import {
  type InvoiceInputs,
  inputsOf,
  runsOf,
  type StatedPeriod,
  termsHash,
} from "../issued/invoice-inputs.ts";
import { invoicesOf, type StoredInvoice, type TenantInvoices } from "../issued/issued-invoices.ts";

/** What invoices are computed from and written to. */
export interface Invoicing extends ContractDeps {
  readonly charges: TenantCharges;
  /** Who issues the invoices, as it is printed on them. */
  readonly seller: string;
}

/** What a tenant's next invoice would be, if it has to pay or get back anything. */
export interface TenantDraft {
  readonly tenant_id: string;
  readonly currency: string;
  /** A draft; null where everything has been invoiced. */
  readonly invoice: Invoice | null;
  readonly basis: InvoiceInputs;
  /** What was invoiced before. */
  readonly before: TenantInvoices;
}

/** Periods that began longer ago than this before the invoice's own are stated no more: 13 months of 31 days. */
export const RESTATED_S = 13 * 31 * 24 * HOUR_S;

/**
 * Settles a tenant for a period of its rhythm. Late revisions of earlier periods, and of this one where later ones have been
 * invoiced, go onto one invoice: that of the latest period. It begins with the earliest period that has changed, as what a
 * period draws from packages changes what is left for the next.
 */
export async function draftTenantInvoice(
  pricing: Invoicing,
  tenant_id: string,
  period: Period,
): Promise<TenantDraft | Refusal> {
  const contract = await contractOf(pricing, tenant_id);
  if (contract === null) return refuse("API_NOT_FOUND");
  const before = await invoicesOf(pricing.documents, tenant_id);
  const invoices = before.invoices.map(({ invoice }) => invoice);
  const fault = periodFault(period, invoices);
  if (fault !== null) return fault;
  const to = Math.max(period.to, ...invoices.map(({ period_to }) => period_to));
  const oldest = Math.min(period.from, ...invoices.map(({ period_from }) => period_from));
  const from = Math.max(oldest, periodAt(period, to - RESTATED_S).from);
  if (period.from < from) return refuse("INVOICE_PERIOD_INVALID", "it is over for more than 13 months");

  const current = await pricing.charges.revisions(tenant_id, { from, to });
  const stated = statedPeriods(before.invoices);
  const candidates = periodsOf(period, from, to);
  const start =
    candidates.find((it) => {
      const isRequested = arePeriodsSame(it, period);
      return isRequested || isChanged(it, stated.get(it.from), { contract, current, hash: pricing.hash });
    }) ?? period;
  const periods = candidates.filter((it) => it.from >= start.from);
  const revisions = current.filter(({ hour }) => hour >= start.from);
  const computed = computeInvoice({
    ...contract,
    periods,
    hours: await pricing.charges.hours(tenant_id, runsOf(revisions)),
    opening: drawnBefore(invoices, start.from),
    invoices,
    hash: pricing.hash,
  });
  if (!computed.ok) {
    const faults = computed.faults.map(({ about, code, message }) => ({ path: about, code, message }));
    return refuse("INVOICE_NOT_SETTLED", "", faults);
  }
  const basis = inputsOf(contract, periods, computed.rests_on, invoices, pricing.hash);
  return { tenant_id, currency: contract.currency, invoice: computed.invoice, basis, before };
}

/** The tenant's first invoice decides how long its periods are. */
function periodFault(period: Period, invoices: readonly Invoice[]): Refusal | null {
  const [first] = invoices;
  const rhythm = first === undefined ? period : { from: first.period_from, to: first.period_to };
  const expected = periodAt(rhythm, period.from);
  if (period.from < period.to && arePeriodsSame(expected, period)) return null;
  const expectedPeriod = `${formatHour(expected.from)} to ${formatHour(expected.to)}`;
  return refuse("INVOICE_PERIOD_INVALID", `the tenant's period there is ${expectedPeriod}`);
}

/** The calendar month (UTC) that begins with the hour, or the period up to `to` where that is given. */
export function periodFrom(from: Hour, to: Hour | undefined): Period | Refusal {
  if (to !== undefined) return from < to ? { from, to } : refuse("API_TIMES_REVERSED");
  const month = monthOf(from);
  if (month.from === from) return month;
  return refuse("INVOICE_PERIOD_INVALID", "without period_to, period_from is the first hour of a month");
}

/** What a period was last stated from, or that this no longer holds. */
type Stated = { readonly period: StatedPeriod; readonly rests_on: ReadonlySet<string> } | "taken_back";

/** An invoice that was voided after others had built on it leaves its periods to be stated anew. */
function statedPeriods(issued: readonly StoredInvoice[]): Map<Hour, Stated> {
  const stated = new Map<Hour, Stated>();
  const periodsBy = new Map(issued.map(({ invoice, basis }) => [invoice.invoice_id, basis.periods]));
  const voided = new Set(issued.filter((it) => it.voided !== null).map(({ invoice }) => invoice.invoice_id));
  for (const { basis, voided: own } of issued) {
    const lost = basis.earlier.filter((it) => it.state === "finalised" && voided.has(it.invoice_id));
    const lostPeriods = lost.flatMap(({ invoice_id }) => periodsBy.get(invoice_id) ?? []);
    for (const period of basis.periods) {
      const isLost = lostPeriods.some(({ from }) => from === period.from);
      // One that was voided itself leaves what was stated before it, if anything was.
      if (own !== null && stated.has(period.from)) continue;
      const runs = basis.rests_on.filter(({ from, to }) => from < period.to && to > period.from);
      const rests_on = new Set(hoursWithin(runs, period));
      stated.set(period.from, isLost || own !== null ? "taken_back" : { period, rests_on });
    }
  }
  return stated;
}

function hoursWithin(runs: InvoiceInputs["rests_on"], { from, to }: Period): string[] {
  return runs.flatMap((run) => {
    const start = Math.max(run.from, from);
    const length = (Math.min(run.to, to) - start) / HOUR_S;
    return Array.from({ length }, (_, at) => revisionKey({ ...run, hour: start + at * HOUR_S }));
  });
}

/** Whether a period could come to something else than was last stated. */
function isChanged(
  period: Period,
  stated: Stated | undefined,
  now: {
    readonly contract: Contract;
    readonly current: readonly HourRevision[];
    readonly hash: Invoicing["hash"];
  },
): boolean {
  const revisions = now.current.filter(({ hour }) => hour >= period.from && hour < period.to);
  if (stated === undefined || stated === "taken_back") return stated !== undefined || revisions.length > 0;
  const isSame =
    revisions.length === stated.rests_on.size &&
    revisions.every((it) => stated.rests_on.has(revisionKey(it)));
  return !isSame || stated.period.terms_hash !== termsHash(now.contract, period, now.hash);
}

function revisionKey({ hour, revision, price_book }: HourRevision): string {
  return `${hour}:${revision}:${price_book}`;
}
