import { type Decimal, ONE } from "../money/decimal.ts";
import type { Hour } from "../time/hour.ts";
import type { Period } from "./contract-segments.ts";
import { type LineKind, plainLine, type StatementLine } from "./lines.ts";
import { type Balances, endOf, inOrderOfExpiry, type Prepaid, priceOfRest } from "./prepaid.ts";

type PrepaidContract = { readonly prepaid: readonly Prepaid[] };

/** Packages and credits that are bought, refunded or expire within the period. */
export function prepaidLines(period: Period, contract: PrepaidContract, balances: Balances): StatementLine[] {
  const isWithin = (hour: Hour) => period.from <= hour && hour < period.to;
  return inOrderOfExpiry(contract.prepaid).flatMap((prepaid) => {
    const lines: StatementLine[] = [];
    const add = (kind: LineKind, quantity: Decimal, amount: Decimal) => {
      const { prepaid_id: name, unit } = prepaid;
      const unit_price = quantity === 0n ? 0n : priceOfRest(prepaid, ONE);
      lines.push(plainLine({ period_from: period.from, kind, name, unit }, amount, { quantity, unit_price }));
    };
    if (isWithin(prepaid.starts_at)) add("prepaid_purchase", prepaid.quantity, prepaid.price);
    // Nothing can be drawn from its end on, so what is left at the period's end was left at its own.
    const left = balances.left(prepaid);
    if (!isWithin(endOf(prepaid)) || left === 0n) return lines;
    const isRefunded = prepaid.refunded_at === endOf(prepaid) && prepaid.refunded_at < prepaid.expires_at;
    if (isRefunded) add("prepaid_refund", left, -priceOfRest(prepaid, left));
    else add("prepaid_expiry", left, 0n);
    return lines;
  });
}

/** Prepaid money pays what the period comes to, without what was paid for prepaid packages and credits. */
export function applyCredits(
  period: Period,
  contract: PrepaidContract,
  lines: readonly StatementLine[],
  balances: Balances,
): StatementLine[] {
  const payable = lines.filter(({ kind }) => !PREPAYMENTS.has(kind));
  let open = payable.reduce((sum, { amount }) => sum + amount, 0n);
  const credits = contract.prepaid.filter(({ unit }) => unit === "currency");
  return inOrderOfExpiry(credits).flatMap((credit) => {
    // It must last to the period's end, as it pays what the whole period comes to.
    const isUsable = credit.starts_at < period.to && endOf(credit) >= period.to;
    if (!isUsable || open <= 0n) return [];
    const quantity = balances.draw(credit, open);
    if (quantity === 0n) return [];
    open -= quantity;
    const { prepaid_id: name, unit } = credit;
    const fields = { period_from: period.from, kind: "prepaid_credit" as const, name, unit };
    return [plainLine(fields, -quantity, { quantity, unit_price: ONE })];
  });
}

const PREPAYMENTS: ReadonlySet<LineKind> = new Set(["prepaid_purchase", "prepaid_refund", "prepaid_expiry"]);
