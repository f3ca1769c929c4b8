// The unit-quality compute price: a chained Fisher index over classes of model x GPU, base 100.
//
// A class's price is value / quantity, its quantity GPU-hours x quality. The link from one period to the next compares the classes
// that both have: Laspeyres weighs by the quantities before, Paasche by those after, Fisher is the root of their product. A class
// with nothing sold in a period keeps its last price and quantity for `carry_periods`, so that a pause loses no change of price;
// after that it has vanished. A new class counts from its second period on. Where no class matches, the level stays.
// Sums are exact fractions; link and level are each rounded once, to 12 digits, half to even.

import { compareText } from "../closing/usage.ts";
import { type CardField, cardNames } from "../event/fields.ts";
import { type Decimal, ONE, ratio } from "../money/decimal.ts";
import { divideHalfEven, squareRoot } from "../money/rounding.ts";
import type { Charge } from "../rating/rate.ts";
import { HOUR_S, type Hour, NS_PER_HOUR } from "../time/hour.ts";

const BASE: Decimal = 100n * ONE;

/** What was sold of a class in an hour. */
export interface ClassSales {
  readonly hour: Hour;
  /** Model and GPU, see `classOf`. */
  readonly gpu_class: string;
  /** Quality-weighted GPU-hours. */
  readonly quantity: Decimal;
  readonly value: Decimal;
}

export interface IndexRules {
  /** 1 for an hourly index, 24 for a daily one (days of UTC). */
  readonly period_hours: number;
  readonly carry_periods: number;
}

export interface IndexComponent {
  readonly gpu_class: string;
  /** matched: sold now and known before. new: not known before. carried: not sold now, stands as it was last sold. */
  readonly standing: "matched" | "new" | "carried";
  readonly quantity: Decimal;
  readonly value: Decimal;
  readonly price: Decimal;
  /** Price against the one before; null for a new class. */
  readonly relative: Decimal | null;
}

export interface IndexPoint {
  readonly from: Hour;
  readonly level: Decimal;
  /** Change against the point before: Fisher, and the two it is the mean of. 1 where nothing matches. */
  readonly link: Decimal;
  readonly laspeyres: Decimal;
  readonly paasche: Decimal;
  readonly components: readonly IndexComponent[];
}

interface Sold {
  readonly quantity: bigint;
  readonly value: bigint;
  /** When it was last sold indeed. */
  readonly sold_at: Hour;
}

export function classOf(charge: Pick<Charge, "model" | CardField>): string {
  return [charge.model, ...cardNames(charge)].filter((part) => part !== "").join(" | ");
}

/** Sales by class of one hour's charges: those that tenants pay. */
export function salesOf(hour: Hour, charges: readonly Charge[]): ClassSales[] {
  const paid = charges.filter(({ payer }) => payer === "tenant");
  return [...Map.groupBy(paid, classOf)].map(([gpu_class, sales]) => {
    const weighted = sales.reduce((sum, { gpu_time_ns, quality }) => sum + gpu_time_ns * quality, 0n);
    const value = sales.reduce((sum, { charge }) => sum + charge, 0n);
    return { hour, gpu_class, quantity: divideHalfEven(weighted, NS_PER_HOUR), value };
  });
}

/** A point that stands already, from which a chain goes on. */
export type IndexAnchor = Pick<IndexPoint, "from" | "level">;

/** The start of the period that an hour belongs to. */
export function periodOf(hour: Hour, { period_hours }: Pick<IndexRules, "period_hours">): Hour {
  const length = period_hours * HOUR_S;
  return Math.floor(hour / length) * length;
}

/**
 * The index from its first period with sales on; periods without any sales have no point. From an anchor on it has the points
 * after it, and needs sales of the anchor's own period and of `carry_periods` before it.
 */
export function computeIndex(
  sales: readonly ClassSales[],
  rules: IndexRules,
  anchor: IndexAnchor | null = null,
): IndexPoint[] {
  const length = rules.period_hours * HOUR_S;
  const periods = Map.groupBy(sales, ({ hour }) => periodOf(hour, rules));
  const points: IndexPoint[] = [];
  let before = new Map<string, Sold>();
  for (const [from, periodSales] of [...periods].toSorted(([a], [b]) => a - b)) {
    const sold = sumByClass(from, periodSales);
    if (sold.size === 0) continue;
    const oldest = from - rules.carry_periods * length;
    const carried = [...before].filter(([name, { sold_at }]) => !sold.has(name) && sold_at >= oldest);
    const now = new Map([...sold, ...carried]);
    if (anchor === null || from > anchor.from) {
      points.push(pointOf(from, before, now, points.at(-1)?.level ?? anchor?.level ?? BASE));
    }
    before = now;
  }
  return points;
}

/** Classes without a price (nothing sold, or for nothing) are left out. */
function sumByClass(from: Hour, sales: readonly ClassSales[]): Map<string, Sold> {
  const sums = [...Map.groupBy(sales, ({ gpu_class }) => gpu_class)].map(([name, classSales]) => {
    const quantity = classSales.reduce((sum, sale) => sum + sale.quantity, 0n);
    const value = classSales.reduce((sum, sale) => sum + sale.value, 0n);
    return [name, { quantity, value, sold_at: from }] as const;
  });
  return new Map(sums.filter(([, { quantity, value }]) => quantity > 0n && value > 0n));
}

function pointOf(
  from: Hour,
  before: ReadonlyMap<string, Sold>,
  now: ReadonlyMap<string, Sold>,
  level: Decimal,
): IndexPoint {
  const pairs = [...now].flatMap(([name, after]) => {
    const earlier = before.get(name);
    return earlier === undefined ? [] : [{ before: earlier, after }];
  });
  const components = [...now]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([name, sold]) => componentOf(from, name, sold, before.get(name)));
  if (pairs.length === 0) return { from, level, link: ONE, laspeyres: ONE, paasche: ONE, components };
  // p1 q0 = v1 q0 / q1 and p0 q1 = v0 q1 / q0, summed over the common denominators of all q1 and all q0.
  const { numerator: new_at_old, denominator: all_new } = sumOfFractions(
    pairs.map((pair) => [pair.after.value * pair.before.quantity, pair.after.quantity]),
  );
  const { numerator: old_at_new, denominator: all_old } = sumOfFractions(
    pairs.map((pair) => [pair.before.value * pair.after.quantity, pair.before.quantity]),
  );
  const value_before = pairs.reduce((sum, pair) => sum + pair.before.value, 0n);
  const value_after = pairs.reduce((sum, pair) => sum + pair.after.value, 0n);
  const laspeyres = { numerator: new_at_old, denominator: all_new * value_before };
  const paasche = { numerator: value_after * all_old, denominator: old_at_new };
  const numerator = laspeyres.numerator * paasche.numerator;
  const denominator = laspeyres.denominator * paasche.denominator;
  return {
    from,
    level: squareRoot(level * level * numerator, denominator),
    link: squareRoot(ONE * ONE * numerator, denominator),
    laspeyres: ratio(laspeyres.numerator, laspeyres.denominator),
    paasche: ratio(paasche.numerator, paasche.denominator),
    components,
  };
}

function componentOf(from: Hour, gpu_class: string, sold: Sold, before: Sold | undefined): IndexComponent {
  const { quantity, value, sold_at } = sold;
  const relative = before === undefined ? null : ratio(value * before.quantity, quantity * before.value);
  const isSoldNow = sold_at === from;
  const standing = before === undefined ? "new" : isSoldNow ? "matched" : "carried";
  return { gpu_class, standing, quantity, value, price: ratio(value, quantity), relative };
}

function sumOfFractions(fractions: readonly (readonly [bigint, bigint])[]) {
  return fractions.reduce(
    (sum, [numerator, denominator]) => ({
      numerator: sum.numerator * denominator + numerator * sum.denominator,
      denominator: sum.denominator * denominator,
    }),
    { numerator: 0n, denominator: 1n },
  );
}
