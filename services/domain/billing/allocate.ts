import type { HourlyCommitment, RateItem } from "../books/plan.ts";
import type { PriceBook } from "../books/price-book.ts";
import { type Decimal, multiply, ONE } from "../money/decimal.ts";
import type { Charge } from "../rating/rate.ts";
import { HOUR_S, type Hour } from "../time/hour.ts";
import { type ContractSegment, prorated } from "./contract-segments.ts";
import type { LineKind } from "./lines.ts";
import { type Balances, endOf, type Prepaid } from "./prepaid.ts";
import { graduatedPart, type Units } from "./units.ts";

/** A row of usage with the rate item it falls under. */
export interface RatedRow {
  readonly hour: Hour;
  readonly revision: number;
  readonly charge: Charge;
  readonly book: PriceBook & { readonly hash: string };
  readonly item: RateItem;
  readonly units: Units;
}

/** What covers or prices a part of a row. `unit_price` is null for volume tiers, which the segment's total decides. */
export interface Share {
  readonly kind: LineKind;
  readonly name: string;
  readonly part: Decimal;
  readonly tier: number;
  readonly unit_price: Decimal | null;
  readonly factor: Decimal;
}

/** What is used up while the rows of a segment are taken in turn. */
export class SegmentCounters {
  readonly segment: ContractSegment;
  /** Units on demand by rate item. */
  readonly on_demand = new Map<string, Decimal>();
  readonly #allowances: Map<string, Decimal>;
  #hour: Hour = -1;
  #commitments = new Map<string, Decimal>();

  constructor(segment: ContractSegment) {
    this.segment = segment;
    this.#allowances = new Map(
      segment.plan?.allowances.map((allowance) => [allowance.name, prorated(allowance.quantity, segment)]),
    );
  }

  commitment(hour: Hour, { name, quantity }: HourlyCommitment, wanted: Decimal): Decimal {
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#commitments = new Map();
    }
    return take(this.#commitments, name, quantity, wanted);
  }

  allowance(name: string, wanted: Decimal): Decimal {
    return take(this.#allowances, name, 0n, wanted);
  }

  used(rate: string): Decimal {
    return this.on_demand.get(rate) ?? 0n;
  }

  use(rate: string, part: Decimal): void {
    this.on_demand.set(rate, this.used(rate) + part);
  }
}

/**
 * Shares out the units of one row, in the order that plan.ts gives. The parts add up to the row's units.
 * `packages` are sorted by expiry.
 */
export function allocate(
  row: RatedRow,
  counters: SegmentCounters,
  packages: readonly Prepaid[],
  balances: Balances,
): Share[] {
  const shares: Share[] = [];
  let rest = row.units.quantity;
  const cover = (kind: LineKind, name: string, part: Decimal) => {
    if (part === 0n) return;
    shares.push({ kind, name, part, tier: 0, unit_price: 0n, factor: ONE });
    rest -= part;
  };
  const { plan } = counters.segment;
  const commitment = plan?.hourly_commitments.find(({ rate }) => rate === row.item.name);
  if (commitment !== undefined) {
    cover("commitment_usage", commitment.name, counters.commitment(row.hour, commitment, rest));
  }
  for (const { name, rate } of plan?.allowances ?? []) {
    if (rate === row.item.name) cover("allowance", name, counters.allowance(name, rest));
  }
  for (const prepaid of packages) {
    if (isUsable(prepaid, row)) cover("package", prepaid.prepaid_id, balances.draw(prepaid, rest));
  }
  // A row too small to have units still has its price.
  if (rest === 0n && row.units.quantity !== 0n) return shares;
  const factor = multiply(timeOfDayFactor(row), commitment?.overage_factor ?? ONE);
  return [...shares, ...onDemand(row, rest, factor, counters)];
}

function onDemand(row: RatedRow, quantity: Decimal, factor: Decimal, counters: SegmentCounters): Share[] {
  const { name, price } = row.item;
  const share = (part: Decimal, unit_price: Decimal | null, tier = 0): Share => {
    counters.use(name, part);
    return { kind: "usage", name, part, tier, unit_price, factor };
  };
  if (price.kind === "card") return [share(quantity, row.charge.rate_per_gpu_hour)];
  if (price.kind === "unit") return [share(quantity, price.unit_price)];
  if (price.kind === "volume") return [share(quantity, null)];
  const shares: Share[] = [];
  let rest = quantity;
  do {
    const { tier, unit_price, part } = graduatedPart(price.tiers, counters.used(name), rest);
    shares.push(share(part, unit_price, tier));
    rest -= part;
  } while (rest > 0n);
  return shares;
}

function isUsable(prepaid: Prepaid, { hour, item, charge }: RatedRow): boolean {
  const isInTime = prepaid.starts_at <= hour && hour < endOf(prepaid);
  const isForCard = prepaid.gpu_models.length === 0 || prepaid.gpu_models.includes(charge.gpu_model);
  return isInTime && isForCard && prepaid.unit === item.unit;
}

export function timeOfDayFactor({ hour, item }: Pick<RatedRow, "hour" | "item">): Decimal {
  const hourOfDay = (hour / HOUR_S) % 24;
  return item.time_of_day.find(({ hours }) => hours.includes(hourOfDay))?.factor ?? ONE;
}

function take(left: Map<string, Decimal>, name: string, whole: Decimal, wanted: Decimal): Decimal {
  const available = left.get(name) ?? whole;
  const taken = wanted < available ? wanted : available;
  left.set(name, available - taken);
  return taken;
}
