import type { RatePrice, Unit } from "../books/plan.ts";
import { type Decimal, ONE } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import type { Charge } from "../rating/rate.ts";
import { NS_PER_HOUR } from "../time/hour.ts";

const SCALE = NS_PER_HOUR * ONE * ONE;

/** Units of a charge: `exact` as the numerator over 3.6 x 10^36, and as the decimal that invoices print and packages deduct. */
export interface Units {
  readonly exact: bigint;
  readonly quantity: Decimal;
}

export function unitsOf({ gpu_time_ns, composite, quality }: Charge, unit: Unit): Units {
  const exact = unit === "gpu_hour" ? gpu_time_ns * ONE * ONE : gpu_time_ns * composite * quality;
  return { exact, quantity: divideHalfEven(exact, NS_PER_HOUR * ONE) };
}

/** Price of a part of the units, rounded once: of the whole from the exact units, of less in proportion. */
export function amountOf(units: Units, part: Decimal, unit_price: Decimal, factor: Decimal): Decimal {
  const isPlain = factor === ONE;
  const whole = isPlain ? units.exact * unit_price : units.exact * unit_price * factor;
  const scale = isPlain ? SCALE : SCALE * ONE;
  if (part === units.quantity) return divideHalfEven(whole, scale);
  return divideHalfEven(whole * part, scale * units.quantity);
}

/** Price of `part` units beginning where `used` end: the tier they fall into, and how many of them do. */
export function graduatedPart(
  tiers: Extract<RatePrice, { kind: "graduated" | "volume" }>["tiers"],
  used: Decimal,
  part: Decimal,
): { readonly tier: number; readonly unit_price: Decimal; readonly part: Decimal } {
  const index = tiers.findIndex(({ up_to }) => up_to === null || used < up_to);
  const tier = tiers[index];
  if (tier === undefined) throw new RangeError("the last tier must have no end");
  const room = tier.up_to === null ? part : tier.up_to - used;
  return { tier: index + 1, unit_price: tier.unit_price, part: part < room ? part : room };
}

/** The unit price that all units have once their sum is `total`. */
export function volumePrice(
  tiers: Extract<RatePrice, { kind: "graduated" | "volume" }>["tiers"],
  total: Decimal,
): Decimal {
  const tier = tiers.find(({ up_to }) => up_to === null || total <= up_to);
  if (tier === undefined) throw new RangeError("the last tier must have no end");
  return tier.unit_price;
}
