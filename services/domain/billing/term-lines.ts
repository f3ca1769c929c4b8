import type { Adjustment } from "../books/plan.ts";
import { type Decimal, multiply, ONE } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import { HOUR_S } from "../time/hour.ts";
import { type LineKind, plainLine, type StatementLine } from "./lines.ts";
import { prorated, type Term } from "./terms.ts";

const HUNDRED = 100n * ONE;

/** The lines of usage of a term, and after them its fees and then its adjustments in the order of the plan. */
export function applyTerms(term: Term, usage: readonly StatementLine[]): StatementLine[] {
  const lines = [...usage, ...feeLines(term)];
  let subtotal = lines.reduce((sum, { amount }) => sum + amount, 0n);
  for (const adjustment of term.plan?.adjustments ?? []) {
    const amount = adjusted(adjustment, subtotal, term);
    subtotal += amount;
    if (amount !== 0n) lines.push(plainLine(fieldsOf(term, adjustment.kind, adjustment.name), amount));
  }
  return lines;
}

function feeLines(term: Term): StatementLine[] {
  const hours = BigInt((term.to - term.from) / HOUR_S);
  const committed = (term.plan?.hourly_commitments ?? []).map(({ name, quantity, unit_price }) => {
    const unit_hours = quantity * hours;
    const fields = { ...fieldsOf(term, "commitment_fee", name), unit: "committed_unit_hour" };
    return plainLine(fields, multiply(unit_hours, unit_price), { quantity: unit_hours, unit_price });
  });
  const flat = (term.plan?.flat_fees ?? []).map(({ name, amount }) =>
    plainLine(fieldsOf(term, "flat_fee", name), prorated(amount, term)),
  );
  return [...committed, ...flat];
}

/** What an adjustment adds to the sum so far; a discount never takes it below 0. */
function adjusted({ kind, value }: Adjustment, subtotal: Decimal, term: Term): Decimal {
  const discountable = subtotal > 0n ? subtotal : 0n;
  if (kind === "percentage_discount") return -divideHalfEven(discountable * value, HUNDRED);
  const amount = prorated(value, term);
  if (kind === "minimum_commitment") return amount > subtotal ? amount - subtotal : 0n;
  return amount < discountable ? -amount : -discountable;
}

function fieldsOf(term: Term, kind: LineKind, name: string) {
  return {
    period_from: term.period.from,
    kind,
    name,
    plan: term.subscription?.plan ?? "",
    price_book: term.price_book,
  };
}
