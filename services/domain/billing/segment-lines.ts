import type { Adjustment } from "../books/plan.ts";
import { type Decimal, multiply, ONE } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import { HOUR_S } from "../time/hour.ts";
import { type ContractSegment, prorated } from "./contract-segments.ts";
import { type LineKind, plainLine, type StatementLine } from "./lines.ts";

const HUNDRED = 100n * ONE;

/** The lines of usage of a segment, and after them its fees and then its adjustments in the order of the plan. */
export function segmentLines(segment: ContractSegment, usage: readonly StatementLine[]): StatementLine[] {
  const lines = [...usage, ...feeLines(segment)];
  let subtotal = lines.reduce((sum, { amount }) => sum + amount, 0n);
  for (const adjustment of segment.plan?.adjustments ?? []) {
    const amount = adjusted(adjustment, subtotal, segment);
    subtotal += amount;
    if (amount !== 0n) lines.push(plainLine(fieldsOf(segment, adjustment.kind, adjustment.name), amount));
  }
  return lines;
}

function feeLines(segment: ContractSegment): StatementLine[] {
  const hours = BigInt((segment.to - segment.from) / HOUR_S);
  const committed = (segment.plan?.hourly_commitments ?? []).map(({ name, quantity, unit_price }) => {
    const unit_hours = quantity * hours;
    const fields = { ...fieldsOf(segment, "commitment_fee", name), unit: "committed_unit_hour" };
    return plainLine(fields, multiply(unit_hours, unit_price), { quantity: unit_hours, unit_price });
  });
  const flat = (segment.plan?.flat_fees ?? []).map(({ name, amount }) =>
    plainLine(fieldsOf(segment, "flat_fee", name), prorated(amount, segment)),
  );
  return [...committed, ...flat];
}

/** What an adjustment adds to the sum so far; a discount never takes it below 0. */
function adjusted({ kind, value }: Adjustment, subtotal: Decimal, segment: ContractSegment): Decimal {
  const discountable = subtotal > 0n ? subtotal : 0n;
  if (kind === "percentage_discount") return -divideHalfEven(discountable * value, HUNDRED);
  const amount = prorated(value, segment);
  if (kind === "minimum_commitment") return amount > subtotal ? amount - subtotal : 0n;
  return amount < discountable ? -amount : -discountable;
}

function fieldsOf(segment: ContractSegment, kind: LineKind, name: string) {
  return {
    period_from: segment.period.from,
    kind,
    name,
    plan: segment.subscription?.plan ?? "",
    price_book: segment.price_book,
  };
}
