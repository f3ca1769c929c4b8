// What is left of packages and credits: once by what was invoiced, and once by what has been rated since.

import { computeInvoice, drawnBefore } from "../../domain/billing/compute-invoice.ts";
import { monthOf, periodsOf } from "../../domain/billing/periods.ts";
import { Balances, type Drawn, type Prepaid } from "../../domain/billing/prepaid.ts";
import type { Contract } from "../../domain/billing/statement.ts";
import type { Decimal } from "../../domain/money/decimal.ts";
import { hourOf } from "../../domain/time/hour.ts";
import { runsOf } from "../issued/invoice-inputs.ts";
import { invoicesOf } from "../issued/issued-invoices.ts";
import type { Invoicing } from "./draft-invoice.ts";

export interface PrepaidLeft {
  readonly invoiced: (prepaid: Prepaid) => Decimal;
  /** Null where the hours since then cannot be settled, such as for want of a plan in a book. */
  readonly rated: ((prepaid: Prepaid) => Decimal) | null;
}

/**
 * The hours since the last invoice are stated as the next ones will be, up to now. Late revisions of invoiced hours are not in
 * it: they come with the next invoice.
 */
export async function prepaidLeft(
  pricing: Pick<Invoicing, "documents" | "charges" | "clock" | "hash">,
  contract: Contract,
): Promise<PrepaidLeft> {
  const { documents, charges, clock, hash } = pricing;
  const { tenant_id, prepaid } = contract;
  const issued = (await invoicesOf(documents, tenant_id)).invoices.map(({ invoice }) => invoice);
  const ends = issued.filter(({ state }) => state === "finalised").map(({ period_to }) => period_to);
  const opening = drawnBefore(issued, Number.MAX_SAFE_INTEGER);
  const invoiced = leftOf(opening);
  const now = hourOf(clock.nowMs());
  const bought = Math.min(now, ...prepaid.map(({ starts_at }) => starts_at));
  const from = ends.length === 0 ? monthOf(bought).from : Math.max(...ends);
  const [first] = issued;
  const rhythm = first === undefined ? monthOf(from) : { from: first.period_from, to: first.period_to };
  const periods = periodsOf(rhythm, from, now + 1);
  const end = periods.at(-1)?.to;
  if (end === undefined || prepaid.length === 0) return { invoiced, rated: invoiced };
  const revisions = await charges.revisions(tenant_id, { from, to: end });
  const hours = await charges.hours(tenant_id, runsOf(revisions));
  const computed = computeInvoice({ ...contract, periods, hours, opening, invoices: [], hash });
  return { invoiced, rated: computed.ok ? leftOf(computed.closing) : null };
}

function leftOf(drawn: Drawn): (prepaid: Prepaid) => Decimal {
  const balances = new Balances(drawn);
  return (prepaid) => balances.left(prepaid);
}
