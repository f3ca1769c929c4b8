// The unit-quality compute price: base 100, over classes of model x GPU. docs/INDEX.md is the method in words.
//
// A class's price is value / quantity, its quantity GPU-hours x composite x quality, so that neither load nor mix is a price. A period is
// compared with every earlier one of the window by Fisher over the classes that both sold. Where one of them had the same prices, or all of
// them multiplied alike, its level times that change is the level: what comes back comes back. Elsewhere the level is the geometric mean
// of level x Fisher over the window, which is GEKS with a mean splice on published levels. Where no class matches, the level stays.
// Sums are exact fractions; each comparison and each level is rounded once, to 12 digits, half to even.

import { compareText } from "../closing/usage.ts";
import { type CardField, cardNames } from "../event/fields.ts";
import { type Decimal, ONE, ratio } from "../money/decimal.ts";
import { divideHalfEven, geometricMean, squareRoot } from "../money/rounding.ts";
import type { Charge } from "../rating/rate.ts";
import { HOUR_S, type Hour, NS_PER_HOUR } from "../time/hour.ts";

const BASE: Decimal = 100n * ONE;

/** What was sold of a class in an hour. */
export interface ClassSales {
  readonly hour: Hour;
  /** Model and GPU, see `classOf`. */
  readonly gpu_class: string;
  /** GPU-hours x composite x quality. */
  readonly quantity: Decimal;
  readonly value: Decimal;
}

export interface IndexRules {
  /** 1 for an hourly index, 24 for a daily one (days of UTC). */
  readonly period_hours: number;
  /** Periods that are compared with one another, the newest with them; at least 2. */
  readonly window_periods: number;
}

export interface IndexComponent {
  readonly gpu_class: string;
  /** matched: sold in an earlier period of the window too. new: not sold in one. */
  readonly standing: "matched" | "new";
  readonly quantity: Decimal;
  readonly value: Decimal;
  readonly price: Decimal;
  /** Price against the last one of the window; null for a new class. */
  readonly relative: Decimal | null;
}

export interface IndexPoint {
  readonly from: Hour;
  readonly level: Decimal;
  /** Level against that of the point before. */
  readonly link: Decimal;
  /** Prices against those of the point before, by its quantities and by these. 1 where nothing matches. */
  readonly laspeyres: Decimal;
  readonly paasche: Decimal;
  readonly components: readonly IndexComponent[];
}

interface Sold {
  readonly quantity: bigint;
  readonly value: bigint;
}

/** A period with its level. */
interface Period {
  readonly from: Hour;
  readonly level: Decimal;
  readonly sold: ReadonlyMap<string, Sold>;
}

export function classOf(charge: Pick<Charge, "model" | CardField>): string {
  return [charge.model, ...cardNames(charge)].filter((part) => part !== "").join(" | ");
}

/** Sales by class of one hour's charges: those that tenants pay. */
export function salesOf(hour: Hour, charges: readonly Charge[]): ClassSales[] {
  const paid = charges.filter(({ payer }) => payer === "tenant");
  return [...Map.groupBy(paid, classOf)].map(([gpu_class, sales]) => {
    const weighted = sales.reduce(
      (sum, { gpu_time_ns, composite, quality }) => sum + gpu_time_ns * composite * quality,
      0n,
    );
    const value = sales.reduce((sum, { charge }) => sum + charge, 0n);
    return { hour, gpu_class, quantity: divideHalfEven(weighted, NS_PER_HOUR * ONE), value };
  });
}

/** A point that stands already, with what was sold in its period. */
export type IndexAnchor = Pick<IndexPoint, "from" | "level"> & {
  readonly components: readonly Pick<IndexComponent, "gpu_class" | "quantity" | "value">[];
};

/** The start of the period that an hour belongs to. */
export function periodOf(hour: Hour, { period_hours }: Pick<IndexRules, "period_hours">): Hour {
  const length = period_hours * HOUR_S;
  return Math.floor(hour / length) * length;
}

/**
 * The index from its first period with sales on; periods without any sales have no point. After anchors, in the order of time, it has the
 * points after the last of them, as if it had computed them itself; sales of their periods are not needed.
 */
export function computeIndex(
  sales: readonly ClassSales[],
  rules: IndexRules,
  anchors: readonly IndexAnchor[] = [],
): IndexPoint[] {
  const reach = (rules.window_periods - 1) * rules.period_hours * HOUR_S;
  const periods: Period[] = anchors.map(({ from, level, components }) => ({
    from,
    level,
    sold: new Map(components.map((it) => [it.gpu_class, it])),
  }));
  const start = anchors.at(-1)?.from ?? -1;
  const points: IndexPoint[] = [];
  const byPeriod = Map.groupBy(sales, ({ hour }) => periodOf(hour, rules));
  for (const [from, periodSales] of [...byPeriod].toSorted(([a], [b]) => a - b)) {
    const sold = sumByClass(periodSales);
    if (from <= start || sold.size === 0) continue;
    const before = periods.at(-1);
    const window = periods.filter((it) => it.from >= from - reach);
    const level = levelOf(sold, window) ?? before?.level ?? BASE;
    points.push(pointOf({ from, level, sold }, before, window));
    periods.push({ from, level, sold });
  }
  return points;
}

/** Undefined where nothing of the window matches. */
function levelOf(sold: ReadonlyMap<string, Sold>, window: readonly Period[]): Decimal | undefined {
  const known = [...sold.keys()].filter((name) => window.some((it) => it.sold.has(name))).length;
  if (known === 0) return undefined;
  // the newest first: prices seldom change, and then one comparison is enough
  const like = window.findLast((it) => {
    const pairs = pairsOf(it.sold, sold);
    return pairs.length === known && isAlike(pairs);
  });
  if (like !== undefined) return throughFisher(like, sold);
  const levels = window.map((it) => throughFisher(it, sold)).filter((it) => it !== undefined);
  return geometricMean(levels);
}

interface Pair {
  readonly before: Sold;
  readonly after: Sold;
}

const pairsOf = (before: ReadonlyMap<string, Sold>, after: ReadonlyMap<string, Sold>): Pair[] =>
  [...after].flatMap(([name, it]) => {
    const earlier = before.get(name);
    return earlier === undefined ? [] : [{ before: earlier, after: it }];
  });

/**
 * Prices that moved apart by less are the same: a price is the quotient of two figures of 12 digits, and of a thousandth of a GPU-hour a
 * few of its last digits are rounding.
 */
const ALIKE_PARTS = 1_000_000n;

/** Whether all prices were multiplied alike. */
function isAlike(pairs: readonly Pair[]): boolean {
  const relatives = pairs.map(relativeOf);
  const least = relatives.reduce((a, b) => (b < a ? b : a));
  const most = relatives.reduce((a, b) => (b > a ? b : a));
  return (most - least) * ALIKE_PARTS <= least;
}

const relativeOf = ({ before, after }: Pair): Decimal =>
  ratio(after.value * before.quantity, after.quantity * before.value);

/** The level that a comparison with one earlier period gives; undefined where no class is in both. */
function throughFisher(
  { level, sold: before }: Period,
  sold: ReadonlyMap<string, Sold>,
): Decimal | undefined {
  const pairs = pairsOf(before, sold);
  if (pairs.length === 0) return undefined;
  const { laspeyres, paasche } = compared(pairs);
  return squareRoot(
    level * level * laspeyres.numerator * paasche.numerator,
    laspeyres.denominator * paasche.denominator,
  );
}

/** Classes without a price (nothing sold, or for nothing) are left out. */
function sumByClass(sales: readonly ClassSales[]): Map<string, Sold> {
  const sums = [...Map.groupBy(sales, ({ gpu_class }) => gpu_class)].map(([name, classSales]) => {
    const quantity = classSales.reduce((sum, sale) => sum + sale.quantity, 0n);
    const value = classSales.reduce((sum, sale) => sum + sale.value, 0n);
    return [name, { quantity, value }] as const;
  });
  return new Map(sums.filter(([, { quantity, value }]) => quantity > 0n && value > 0n));
}

function pointOf(
  { from, level, sold }: Period,
  before: Period | undefined,
  window: readonly Period[],
): IndexPoint {
  const components = [...sold]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([name, it]) =>
      componentOf(
        name,
        it,
        window.findLast((earlier) => earlier.sold.has(name)),
      ),
    );
  const link = before === undefined ? ONE : ratio(level, before.level);
  const pairs = before === undefined ? [] : pairsOf(before.sold, sold);
  if (pairs.length === 0) return { from, level, link, laspeyres: ONE, paasche: ONE, components };
  const { laspeyres, paasche } = compared(pairs);
  return {
    from,
    level,
    link,
    laspeyres: ratio(laspeyres.numerator, laspeyres.denominator),
    paasche: ratio(paasche.numerator, paasche.denominator),
    components,
  };
}

/** p1 q0 = v1 q0 / q1 and p0 q1 = v0 q1 / q0, summed over the common denominators of all q1 and all q0. */
function compared(pairs: readonly Pair[]) {
  const { numerator: new_at_old, denominator: all_new } = sumOfFractions(
    pairs.map((pair) => [pair.after.value * pair.before.quantity, pair.after.quantity]),
  );
  const { numerator: old_at_new, denominator: all_old } = sumOfFractions(
    pairs.map((pair) => [pair.before.value * pair.after.quantity, pair.before.quantity]),
  );
  const value_before = pairs.reduce((sum, pair) => sum + pair.before.value, 0n);
  const value_after = pairs.reduce((sum, pair) => sum + pair.after.value, 0n);
  return {
    laspeyres: { numerator: new_at_old, denominator: all_new * value_before },
    paasche: { numerator: value_after * all_old, denominator: old_at_new },
  };
}

function componentOf(gpu_class: string, sold: Sold, last: Period | undefined): IndexComponent {
  const { quantity, value } = sold;
  const before = last?.sold.get(gpu_class);
  const relative = before === undefined ? null : relativeOf({ before, after: sold });
  const standing = before === undefined ? "new" : "matched";
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
