import { rateItemOf } from "../books/plan.ts";
import { compareText, usageKeyText } from "../closing/usage.ts";
import type { Decimal } from "../money/decimal.ts";
import { splitByLargestRemainder } from "../money/rounding.ts";
import type { Charge } from "../rating/rate.ts";
import type { Hour } from "../time/hour.ts";
import { allocate, type RatedRow, SegmentCounters, type Share } from "./allocate.ts";
import {
  type ContractSegment,
  type Period,
  type PublishedBook,
  planOf,
  type Subscription,
  segmentsOf,
} from "./contract-segments.ts";
import { LineSheet, type StatementLine } from "./lines.ts";
import { type Balances, inOrderOfExpiry, type Prepaid } from "./prepaid.ts";
import { applyCredits, prepaidLines } from "./prepaid-lines.ts";
import { segmentLines } from "./segment-lines.ts";
import { amountOf, unitsOf, volumePrice } from "./units.ts";

/** Charges of one tenant in one hour, of the hour's newest revision, and the book that rated them. */
export interface TenantHour {
  readonly hour: Hour;
  readonly revision: number;
  /** Hash of the book. */
  readonly price_book: string;
  readonly charges: readonly Charge[];
}

/** What a tenant has agreed to, in one currency. */
export interface Contract {
  readonly tenant_id: string;
  readonly currency: string;
  readonly books: readonly PublishedBook[];
  readonly subscriptions: readonly Subscription[];
  readonly prepaid: readonly Prepaid[];
}

/** How a part of one row of usage went into a line: the line's parts add up to the line. */
export interface Allocation {
  readonly line_key: string;
  readonly hour: Hour;
  readonly revision: number;
  readonly charge: Charge;
  readonly quantity: Decimal;
  readonly gpu_time_ns: bigint;
  readonly unit_price: Decimal;
  readonly factor: Decimal;
  readonly amount: Decimal;
}

/** What a period comes to by itself, whatever was invoiced before. */
export interface Statement {
  readonly period: Period;
  readonly lines: readonly StatementLine[];
  readonly allocations: readonly Allocation[];
}

/** States one period from its hours. What it draws from packages and credits is noted in `balances`. */
export function statementOf(
  period: Period,
  contract: Contract,
  hours: readonly TenantHour[],
  balances: Balances,
): Statement {
  const segments = segmentsOf(period, contract.currency, contract.subscriptions, contract.books);
  const packages = inOrderOfExpiry(contract.prepaid.filter(({ unit }) => unit !== "currency"));
  const inPeriod = hours.filter(({ hour }) => hour >= period.from && hour < period.to);
  const byHour = inPeriod.toSorted((a, b) => a.hour - b.hour);
  const sheets: StatementLine[][] = [];
  const allocations: Allocation[] = [];
  for (const segment of segments) {
    const sheet = new LineSheet();
    const counters = new SegmentCounters(segment);
    const shared = byHour
      .filter(({ hour }) => hour >= segment.from && hour < segment.to)
      .flatMap((hour) => ratedRows(hour, segment, contract))
      .map((row) => ({ row, shares: allocate(row, counters, packages, balances) }));
    for (const { row, shares } of shared) allocations.push(...book(row, shares, counters, sheet));
    sheets.push(segmentLines(segment, sheet.lines()));
  }
  const total = new LineSheet();
  for (const line of sheets.flat()) total.add(line);
  for (const line of prepaidLines(period, contract, balances)) total.add(line);
  const lines = total.lines();
  return { period, lines: [...lines, ...applyCredits(period, contract, lines, balances)], allocations };
}

function ratedRows(
  { hour, revision, price_book, charges }: TenantHour,
  segment: ContractSegment,
  contract: Contract,
) {
  const book = contract.books.find(({ hash }) => hash === price_book);
  if (book === undefined) throw new RangeError(`hour ${hour} was rated by an unknown book ${price_book}`);
  const plan = segment.subscription === null ? null : planOf(book, segment.subscription.plan);
  const billable = charges.filter(({ payer }) => payer === "tenant");
  return inOrderOfKeys(billable).map((charge): RatedRow => {
    const item = rateItemOf(plan, charge);
    return { hour, revision, charge, book, item, units: unitsOf(charge, item.unit) };
  });
}

function inOrderOfKeys(charges: readonly Charge[]): readonly Charge[] {
  if (charges.length < 2) return charges;
  return charges
    .map((charge) => ({ charge, key: usageKeyText(charge) }))
    .toSorted((a, b) => compareText(a.key, b.key))
    .map(({ charge }) => charge);
}

/** Puts the shares of a row into their lines. GPU time follows the units, so that lines conserve it too. */
function book(
  row: RatedRow,
  shares: readonly Share[],
  counters: SegmentCounters,
  sheet: LineSheet,
): Allocation[] {
  const { charge, units, item } = row;
  const parts = shares.map(({ part }) => part);
  const times =
    parts.length === 1 ? [charge.gpu_time_ns] : splitByLargestRemainder(charge.gpu_time_ns, parts);
  return shares.map((share, index): Allocation => {
    const unit_price = share.unit_price ?? segmentPrice(row, counters);
    const quantity = share.part;
    const gpu_time_ns = times[index] ?? 0n;
    const amount = unit_price === 0n ? 0n : amountOf(units, quantity, unit_price, share.factor);
    const line_key = sheet.add({
      period_from: counters.segment.period.from,
      kind: share.kind,
      name: share.name,
      plan: counters.segment.subscription?.plan ?? "",
      project_id: charge.project_id,
      model: charge.model,
      gpu_model: charge.gpu_model,
      mig_profile: charge.mig_profile,
      price_book: row.book.hash,
      unit: item.unit,
      tier: share.tier,
      factor: share.factor,
      quantity,
      gpu_time_ns,
      amount,
      unit_price,
    });
    const { hour, revision } = row;
    const { factor } = share;
    return { line_key, hour, revision, charge, quantity, gpu_time_ns, unit_price, factor, amount };
  });
}

function segmentPrice({ item }: RatedRow, counters: SegmentCounters): Decimal {
  if (item.price.kind !== "volume") throw new RangeError(`the price of ${item.name} does not wait`);
  return volumePrice(item.price.tiers, counters.used(item.name));
}
