// A plan says how the usage of one tenant becomes money. It has four kinds of parts, and they apply in this order:
//
//  Hour by hour, what would be lost first is used first:
//   1. rate item         the first one of the plan that matches the row turns it into units: GPU-hours as they are, or composite
//                        GPU-hours (GPU-hours x composite x quality). A row that none matches: composite units at the card's rate.
//   2. hourly commitment covers units of its own hour; it is paid for every hour of the segment, used or not. Units on demand in an
//                        hour beyond it are priced times its overage factor.
//   3. free allowance    covers units of its segment (a subscription's part of a billing period).
//   4. packages          prepaid units, earliest expiry first, each from its start to its expiry or refund.
//   5. on demand         what is left, at the rate item's price: the card's rate, a unit price, graduated tiers (a unit counts in the
//                        tier it falls into) or volume tiers (all units of the segment count in the tier that their sum reaches),
//                        times the factor of the hour of the day.
//  Once per segment:
//   6. flat fees and the fees of hourly commitments
//   7. adjustments       on the sum so far, in the order of the plan: percentage discount, fixed discount (never below 0),
//                        minimum commitment (the true-up to it). A minimum before a discount or after it is the plan's choice.
//  Once per period:
//   8. prepaid           packages and credits bought, refunded (what is left, at the price paid) or expired
//   9. prepaid credit    pays what 1 to 7 come to, earliest expiry first
//  Once per invoice: 10. rounding to the currency's minor unit, by largest remainder over the lines.
//
// Rates are of the book of each hour, so a new book in mid-month rates its own hours only, and tiers go on counting. Parts 2, 3, 6
// and 7 are terms: they are those of the book in force when the segment begins, and what is given per period counts pro rata of hours.
// Within an hour rows take their turn in the order of their keys, so that nothing depends on the order in which they are read.

import type { Decimal } from "../money/decimal.ts";

export const UNITS = ["gpu_hour", "composite_gpu_hour"] as const;
/** What is counted. A composite GPU-hour is a GPU-hour times composite and times quality. */
export type Unit = (typeof UNITS)[number];

/** Up to and including so many units; null in the last tier. */
export interface Tier {
  readonly up_to: Decimal | null;
  readonly unit_price: Decimal;
}

export type RatePrice =
  | { readonly kind: "card" }
  | { readonly kind: "unit"; readonly unit_price: Decimal }
  | { readonly kind: "graduated" | "volume"; readonly tiers: readonly Tier[] };

/** Hours of the day in UTC, 0 to 23, and the factor of the unit price in them; 1 in hours that none names. */
export interface TimeOfDay {
  readonly hours: readonly number[];
  readonly factor: Decimal;
}

export interface RateItem {
  readonly name: string;
  /** What it matches; an empty list matches everything. */
  readonly gpu_models: readonly string[];
  readonly models: readonly string[];
  readonly unit: Unit;
  readonly price: RatePrice;
  readonly time_of_day: readonly TimeOfDay[];
}

/** An amount per period. */
export interface FlatFee {
  readonly name: string;
  readonly amount: Decimal;
}

/** Units per period of a rate item, free of charge. */
export interface Allowance {
  readonly name: string;
  readonly rate: string;
  readonly quantity: Decimal;
}

/** Units of a rate item that are paid in each hour. */
export interface HourlyCommitment {
  readonly name: string;
  readonly rate: string;
  readonly quantity: Decimal;
  readonly unit_price: Decimal;
  readonly overage_factor: Decimal;
}

export const ADJUSTMENT_KINDS = ["percentage_discount", "fixed_discount", "minimum_commitment"] as const;

export interface Adjustment {
  readonly name: string;
  readonly kind: (typeof ADJUSTMENT_KINDS)[number];
  /** Percent for a percentage discount, otherwise an amount per period. */
  readonly value: Decimal;
}

export interface Plan {
  readonly name: string;
  readonly rates: readonly RateItem[];
  readonly flat_fees: readonly FlatFee[];
  readonly allowances: readonly Allowance[];
  readonly hourly_commitments: readonly HourlyCommitment[];
  readonly adjustments: readonly Adjustment[];
}

/** Prepaid units are a package, prepaid money is a credit. */
export const PREPAID_UNITS = [...UNITS, "currency"] as const;
export type PrepaidUnit = (typeof PREPAID_UNITS)[number];

/** A package or credit as the book offers it. */
export interface PrepaidOffer {
  readonly name: string;
  readonly unit: PrepaidUnit;
  /** Units, or an amount of money for a credit. */
  readonly quantity: Decimal;
  readonly price: Decimal;
  readonly valid_hours: bigint;
  /** Cards that a package is for; an empty list is for all. */
  readonly gpu_models: readonly string[];
}

/** What a tenant without a subscription has: everything on demand at the card's rate. */
export const ON_DEMAND: RateItem = {
  name: "on_demand",
  gpu_models: [],
  models: [],
  unit: "composite_gpu_hour",
  price: { kind: "card" },
  time_of_day: [],
};

/** The rate item that a row of usage falls under. */
export function rateItemOf(
  plan: Plan | null,
  usage: { readonly gpu_model: string; readonly model: string },
): RateItem {
  const matches = (names: readonly string[], name: string) => names.length === 0 || names.includes(name);
  const found = plan?.rates.find(
    (item) => matches(item.gpu_models, usage.gpu_model) && matches(item.models, usage.model),
  );
  return found ?? ON_DEMAND;
}
