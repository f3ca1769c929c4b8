import { compareText } from "../closing/usage.ts";
import type { Card } from "../event/fields.ts";
import type { Decimal } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import { type Hour, NS_PER_HOUR } from "../time/hour.ts";
import { type ClassSales, classOf, type IndexRules, periodOf } from "./compute-index.ts";

/** What tenants bought of a model on a card in an hour, by one rating of one revision. */
export interface HourSales extends Card {
  readonly hour: Hour;
  readonly revision: number;
  readonly rating: number;
  readonly model: string;
  /** GPU time x composite x quality, a decimal: value / this is a price that neither load nor mix moves. */
  readonly unit_time_ns: Decimal;
  readonly value: Decimal;
  /** Up to `TENANTS_MIN` of those who bought. */
  readonly tenants: readonly string[];
}

/** all: every class, for operators. shared: without what fewer than three tenants bought in a period, for everybody. */
export const INDEX_SERIES = ["all", "shared"] as const;
export type IndexSeries = (typeof INDEX_SERIES)[number];

/** The price of a class is what its buyers paid: of one or two it would be theirs to tell. */
const TENANTS_MIN = 3;

/** The rating of an hour that a point rests on. */
export type RatedRevision = Pick<HourSales, "hour" | "revision" | "rating">;

export interface SeriesSales {
  readonly sales: readonly ClassSales[];
  /** By period and class how many tenants bought it, `TENANTS_MIN` standing for that many or more. */
  tenantsOf(period: Hour, gpu_class: string): number;
  /** In the order of hours. */
  restsOn(period: Hour): readonly RatedRevision[];
}

/**
 * The sales of a series. A class that too few bought in a period is left out of that period as if it had not been sold, so
 * that the index reveals neither its own price nor its part in the level.
 */
export function seriesSales(
  rows: readonly HourSales[],
  series: IndexSeries,
  rules: Pick<IndexRules, "period_hours">,
): SeriesSales {
  const buyers = new Map<string, Set<string>>();
  const key = (period: Hour, gpu_class: string) => `${period} ${gpu_class}`;
  for (const row of rows) {
    const place = key(periodOf(row.hour, rules), classOf(row));
    buyers.set(place, new Set([...(buyers.get(place) ?? []), ...row.tenants]));
  }
  const tenantsOf = (period: Hour, gpu_class: string) =>
    Math.min(TENANTS_MIN, buyers.get(key(period, gpu_class))?.size ?? 0);
  const isTold = (row: HourSales) =>
    series === "all" || tenantsOf(periodOf(row.hour, rules), classOf(row)) >= TENANTS_MIN;
  const byPeriod = Map.groupBy(rows, ({ hour }) => periodOf(hour, rules));
  return {
    sales: rows.filter(isTold).map((row) => ({
      hour: row.hour,
      gpu_class: classOf(row),
      quantity: divideHalfEven(row.unit_time_ns, NS_PER_HOUR),
      value: row.value,
    })),
    tenantsOf,
    restsOn: (period) => revisionsOf(byPeriod.get(period) ?? []),
  };
}

function revisionsOf(rows: readonly HourSales[]): RatedRevision[] {
  const ratings = Map.groupBy(rows, ({ hour, revision, rating }) => JSON.stringify([hour, revision, rating]));
  return [...ratings.values()]
    .flatMap((own) => own.slice(0, 1))
    .map(({ hour, revision, rating }) => ({ hour, revision, rating }))
    .toSorted((a, b) => a.hour - b.hour);
}

/** Which hours are not as they were, in words; empty if all are. */
export function revisedHours(
  before: readonly RatedRevision[],
  after: readonly RatedRevision[],
  hourText: (hour: Hour) => string,
): string[] {
  const version = ({ revision, rating }: RatedRevision) => `${revision}.${rating}`;
  const old = new Map(before.map((it) => [it.hour, version(it)]));
  const now = new Map(after.map((it) => [it.hour, version(it)]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((hour) => old.get(hour) !== now.get(hour))
    .map((hour) => `${hourText(hour)} ${old.get(hour) ?? "none"} to ${now.get(hour) ?? "none"}`)
    .toSorted(compareText);
}
