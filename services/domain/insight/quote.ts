import { timeOfDayFactor } from "../billing/allocate.ts";
import { amountOf, unitsOf } from "../billing/units.ts";
import { type Plan, rateItemOf } from "../books/plan.ts";
import { type Decimal, ONE } from "../money/decimal.ts";
import { divideHalfEven, roundToDigits } from "../money/rounding.ts";
import type { Charge } from "../rating/rate.ts";
import type { Hour } from "../time/hour.ts";

/** What one measured request came to. */
export interface QuoteSample {
  readonly charge: Decimal;
  readonly tokens_out: bigint;
}

export interface Workload {
  readonly requests: bigint;
  /** Tokens that a request is expected to generate; null to take requests as they were measured. */
  readonly tokens_out: bigint | null;
}

export type Quote =
  | { readonly kind: "no_history"; readonly samples: 0 }
  | {
      readonly kind: "quoted";
      /** Measured requests that the quote rests on. */
      readonly samples: number;
      /** The mean request, times their number. */
      readonly expected: Decimal;
      /** As if every request came to the sample's quantile. */
      readonly p50: Decimal;
      readonly p90: Decimal;
      /** Below ten samples the 90th percentile is merely the largest of them. */
      readonly is_p90_sound: boolean;
    };

export const SOUND_SAMPLES = 10;
/** Digits of what is said of requests of others, and the tokens that it is said for where tokens are given. */
const POOLED_DIGITS = 2;
const POOLED_TOKENS = 1_000n;
const HUNDRED = 100n * ONE;

/**
 * Expected cost of a workload from measured requests of the same model and GPU. With tokens given, each sample is scaled to
 * them, and samples without tokens are left out. Nothing measured, nothing quoted.
 */
export function quote(samples: readonly QuoteSample[], { requests, tokens_out }: Workload): Quote {
  const usable = tokens_out === null ? samples : samples.filter((sample) => sample.tokens_out > 0n);
  if (usable.length === 0) return { kind: "no_history", samples: 0 };
  const costs = usable.map(({ charge, tokens_out: measured }) =>
    tokens_out === null ? charge : divideHalfEven(charge * tokens_out, measured),
  );
  const sorted = costs.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
  const sum = costs.reduce((total, cost) => total + cost, 0n);
  return {
    kind: "quoted",
    samples: usable.length,
    expected: divideHalfEven(requests * sum, BigInt(usable.length)),
    p50: requests * quantile(sorted, 50),
    p90: requests * quantile(sorted, 90),
    is_p90_sound: usable.length >= SOUND_SAMPLES,
  };
}

/**
 * A quote from requests of others. A quantile is one of their requests, so only two digits of it are given, of one request or
 * of a thousand tokens, before it is multiplied: no choice of workload reveals more.
 */
export function pooledQuote(samples: readonly QuoteSample[], { requests, tokens_out }: Workload): Quote {
  const unit = { requests: 1n, tokens_out: tokens_out === null ? null : POOLED_TOKENS };
  const quoted = quote(samples, unit);
  if (quoted.kind === "no_history") return quoted;
  const times = (value: Decimal) => {
    const rounded = roundToDigits(value, POOLED_DIGITS);
    return tokens_out === null
      ? requests * rounded
      : divideHalfEven(requests * tokens_out * rounded, POOLED_TOKENS);
  };
  return { ...quoted, expected: times(quoted.expected), p50: times(quoted.p50), p90: times(quoted.p90) };
}

/**
 * What a measured request comes to under a plan, as if it were the only usage of its period: the first tier, the factor of the
 * hour of the day and percentage discounts. What depends on other usage (allowances, commitments, packages, fees, other tiers)
 * is left out.
 */
export function plannedCharge(charge: Charge, plan: Plan | null, hour: Hour): Decimal {
  const item = rateItemOf(plan, charge);
  const { price } = item;
  const units = unitsOf(charge, item.unit);
  const unit_price =
    price.kind === "card"
      ? charge.rate_per_gpu_hour
      : price.kind === "unit"
        ? price.unit_price
        : (price.tiers[0]?.unit_price ?? 0n);
  const amount = amountOf(units, units.quantity, unit_price, timeOfDayFactor({ hour, item }));
  return (plan?.adjustments ?? [])
    .filter(({ kind }) => kind === "percentage_discount")
    .reduce((rest, { value }) => rest - divideHalfEven(rest * value, HUNDRED), amount);
}

/** The nearest rank: the smallest sample that at least `percent` of all samples do not exceed. `sorted` must not be empty. */
function quantile(sorted: readonly Decimal[], percent: number): Decimal {
  const rank = Math.ceil((percent * sorted.length) / 100);
  const sample = sorted[rank - 1];
  if (sample === undefined) throw new RangeError("there are no samples");
  return sample;
}
