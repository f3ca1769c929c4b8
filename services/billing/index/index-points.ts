// The points of the index as they are published: computed from the newest ratings, each kept as a document whose versions say why
// it changed. A point stands until a rating that it rests on, or a point before it, is another one.

import {
  computeIndex,
  type IndexAnchor,
  type IndexPoint,
  type IndexRules,
  periodOf,
} from "../../domain/insight/compute-index.ts";
import {
  INDEX_SERIES,
  type IndexSeries,
  type RatedRevision,
  revisedHours,
  type SeriesSales,
  seriesSales,
} from "../../domain/insight/index-sales.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Documents, NewDocument, WrittenDocument } from "../../domain/ports/documents.ts";
import type { History } from "../../domain/ports/history.ts";
import type { PriceBooks } from "../../domain/ports/price-books.ts";

import { formatHour, HOUR_S, type Hour, hourOf } from "../../domain/time/hour.ts";
import { publishedBooks } from "../books/books.ts";

export const INDEX_PERIODS = ["hour", "day"] as const;
export type IndexPeriod = (typeof INDEX_PERIODS)[number];

/** An hour is compared with those of a week, a day with those of 13 months and a bit, so that a yearly cycle closes. */
export const INDEX_RULES: Readonly<Record<IndexPeriod, IndexRules>> = {
  hour: { period_hours: 1, window_periods: 169 },
  day: { period_hours: 24, window_periods: 400 },
};

export interface SeriesKey {
  readonly currency: string;
  readonly series: IndexSeries;
  readonly period: IndexPeriod;
}

/** How points are computed now: docs/INDEX.md. Points of another method stay, and are not compared with. */
const METHOD = "geks@1";
/** Of points that do not say: chained Fisher, by GPU-hours x quality. */
export const FIRST_METHOD = "fisher@1";

/** A point as plain JSON; decimals are texts. */
export interface StoredPoint {
  /** Missing in points of the first one. */
  readonly method?: string;
  readonly from: string;
  readonly level: string;
  readonly link: string;
  readonly laspeyres: string;
  readonly paasche: string;
  readonly components: readonly {
    readonly gpu_class: string;
    /** carried: in points of before there was a window, of a class that was not sold in the period. */
    readonly standing: "matched" | "new" | "carried";
    readonly quantity: string;
    readonly value: string;
    readonly price: string;
    readonly relative: string | null;
    readonly tenants_at_least: number;
  }[];
  /** The ratings of the period's hours. */
  readonly rests_on: readonly { readonly hour: string; readonly revision: number; readonly rating: number }[];
  /** Nothing was sold in it after all: the figures are those that it had before. */
  readonly is_withdrawn: boolean;
}

export type PublishedPoint = Omit<WrittenDocument, "content"> & { readonly content: StoredPoint };

export interface IndexRun {
  /** Versions of points that were written. */
  readonly written: number;
  /** Another process wrote points at the same time; the rest is for the next run. */
  readonly is_outrun: boolean;
}

export interface IndexDeps {
  readonly documents: Documents;
  readonly history: Pick<History, "sales" | "firstRatedSince">;
  readonly books: PriceBooks;
  readonly clock: Clock;
  readonly hash: (text: string) => string;
}

/** A period is published so long after its end: most late events are in by then, and later ones make a version. */
const DELAY_S = 2 * HOUR_S;
/** Clocks of the machines that rate and that publish differ by less. */
const CLOCKS_MS = 600_000;
const PAGE = 1_000;
const POINTS_AT_ONCE = 200;
const REASON_LENGTH_MAX = 256;
const WRITTEN_BY = "index";

/** Publishes what is due and revises what is not as it was. Run again, it writes nothing. */
export async function computeIndexPoints(deps: IndexDeps): Promise<IndexRun> {
  const currencies = [...new Set((await publishedBooks(deps)).map(({ currency }) => currency))].toSorted();
  let written = 0;
  for (const currency of currencies) {
    for (const period of INDEX_PERIODS) {
      for (const series of INDEX_SERIES) {
        const run = await publishSeries(deps, { currency, series, period });
        written += run.written;
        if (run.is_outrun) return { written, is_outrun: true };
      }
    }
  }
  return { written, is_outrun: false };
}

async function publishSeries(deps: IndexDeps, key: SeriesKey): Promise<IndexRun> {
  const rules = INDEX_RULES[key.period];
  const length = rules.period_hours * HOUR_S;
  const until = periodOf(hourOf(deps.clock.nowMs()) - DELAY_S, rules);
  const window = rules.window_periods * length;
  const recent = await pointsFrom(deps, key, Math.max(0, until - window));
  const newest = recent.length > 0 ? recent : await pointsFrom(deps, key, 0);
  const start = await firstToCompute(deps, key, newest.at(-1));
  const isBefore = ({ content }: PublishedPoint) => !content.is_withdrawn && hourIn(content.from) < start;
  const needed = await pointsFrom(deps, key, Math.max(0, start - window));
  const known = needed.some(isBefore) ? needed : await pointsFrom(deps, key, 0);
  const rows = await deps.history.sales(key.currency, { from: start, to: Math.max(start, until) });
  const own = seriesSales(rows, key.series, rules);
  const points = computeIndex(own.sales, rules, known.filter(isBefore).map(toAnchor));
  const later = known.filter(({ content }) => hourIn(content.from) >= start);
  return write(deps, changed(key, points, own, later));
}

/** The first period with a rating that is newer than the last point, or the one after that point. */
async function firstToCompute(
  deps: IndexDeps,
  { currency, period }: SeriesKey,
  last: PublishedPoint | undefined,
): Promise<Hour> {
  if (last === undefined) return 0;
  const revised = await deps.history.firstRatedSince(currency, last.written_at - CLOCKS_MS);
  const next = hourIn(last.content.from) + INDEX_RULES[period].period_hours * HOUR_S;
  return revised === null ? next : Math.min(next, periodOf(revised, INDEX_RULES[period]));
}

function changed(
  key: SeriesKey,
  points: readonly IndexPoint[],
  own: SeriesSales,
  later: readonly PublishedPoint[],
): NewDocument[] {
  const before = new Map(later.map((it) => [it.content.from, it]));
  const after = new Map(points.map((point) => [formatHour(point.from), storedPoint(point, own)]));
  return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((from): NewDocument[] => {
    const old = before.get(from);
    const point = after.get(from) ?? (old && { ...old.content, rests_on: [], is_withdrawn: true });
    if (point === undefined || JSON.stringify(point) === JSON.stringify(old?.content)) return [];
    const version = (old?.version ?? 0) + 1;
    const reason = old === undefined ? "computed" : reasonOf(old.content, point);
    return [
      {
        kind: "index_point",
        id: pointId(key, from),
        version,
        content: point,
        written_by: WRITTEN_BY,
        reason,
      },
    ];
  });
}

function reasonOf(before: StoredPoint, after: StoredPoint): string {
  const hours = revisedHours(
    before.rests_on.map(fromStoredRevision),
    after.rests_on.map(fromStoredRevision),
    formatHour,
  );
  const reason = hours.length === 0 ? "a point before it was revised" : `revised: ${hours.join(", ")}`;
  return reason.length <= REASON_LENGTH_MAX ? reason : `${reason.slice(0, REASON_LENGTH_MAX - 2)} …`;
}

/** In the order of time, so that a run that breaks off leaves the last point old and the next run begins there again. */
async function write({ documents }: IndexDeps, points: readonly NewDocument[]): Promise<IndexRun> {
  for (let at = 0; at < points.length; at += POINTS_AT_ONCE) {
    const answer = await documents.append(points.slice(at, at + POINTS_AT_ONCE));
    if (answer === "version_taken") return { written: at, is_outrun: true };
  }
  return { written: points.length, is_outrun: false };
}

/** The newest versions of all points from an hour on, withdrawn ones too. */
async function pointsFrom(deps: IndexDeps, key: SeriesKey, from: Hour): Promise<PublishedPoint[]> {
  const points: PublishedPoint[] = [];
  let after = idBefore(key, from);
  for (;;) {
    const found = await publishedPoints(deps, key, after, PAGE);
    points.push(...found);
    after = found.at(-1)?.id ?? after;
    if (found.length < PAGE) return points;
  }
}

/** Of one series, in the order of time, after an id. */
export async function publishedPoints(
  { documents }: Pick<IndexDeps, "documents">,
  key: SeriesKey,
  after: string,
  limit: number,
): Promise<PublishedPoint[]> {
  const found = await documents.list("index_point", after, limit);
  const own = pointId(key, "");
  return found.filter(({ id }) => id.startsWith(own)).map((it) => it as PublishedPoint);
}

export function pointId({ currency, series, period }: SeriesKey, from: string): string {
  return `${currency}:${series}:${period}:${from}`;
}

/** What sorts before the points from an hour on, and after all that are earlier. */
export function idBefore(key: SeriesKey, from: Hour): string {
  return pointId(key, formatHour(from).slice(0, -1));
}

function storedPoint(point: IndexPoint, own: SeriesSales): StoredPoint {
  return {
    method: METHOD,
    from: formatHour(point.from),
    level: formatDecimal(point.level),
    link: formatDecimal(point.link),
    laspeyres: formatDecimal(point.laspeyres),
    paasche: formatDecimal(point.paasche),
    components: point.components.map(({ gpu_class, standing, quantity, value, price, relative }) => ({
      gpu_class,
      standing,
      quantity: formatDecimal(quantity),
      value: formatDecimal(value),
      price: formatDecimal(price),
      relative: relative === null ? null : formatDecimal(relative),
      tenants_at_least: own.tenantsOf(point.from, gpu_class),
    })),
    rests_on: own.restsOn(point.from).map((it) => ({ ...it, hour: formatHour(it.hour) })),
    is_withdrawn: false,
  };
}

/**
 * Points that stand are never computed again, so their own figures are what later ones are compared with. Of another method's only the
 * level counts, as its quantities are of another unit.
 */
const toAnchor = ({ content }: PublishedPoint): IndexAnchor => ({
  from: hourIn(content.from),
  level: parseStoredDecimal(content.level),
  components: content.components
    .filter(() => content.method === METHOD)
    .map(({ gpu_class, quantity, value }) => ({
      gpu_class,
      quantity: parseStoredDecimal(quantity),
      value: parseStoredDecimal(value),
    })),
});

const fromStoredRevision = ({ hour, ...it }: StoredPoint["rests_on"][number]): RatedRevision => ({
  ...it,
  hour: hourIn(hour),
});

const hourIn = (text: string): Hour => Date.parse(text) / 1_000;
