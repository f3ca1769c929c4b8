import type { Formula } from "../books/formulas.ts";
import type { PriceBook } from "../books/price-book.ts";
import { compareText, USAGE_KEYS, type UsageRow, usageKeyText } from "../closing/usage.ts";
import { cardText } from "../event/fields.ts";
import { type Decimal, formatDecimal } from "../money/decimal.ts";
import type { Hour } from "../time/hour.ts";
import { type Charge, type ChargeFactors, rate } from "./rate.ts";

/** A committed rating of one revision of an hour. */
export interface HourRating {
  readonly hour: Hour;
  readonly revision: number;
  /** 1, 2 … for the same revision: again where a card had no price at first. */
  readonly rating: number;
  readonly attempt_id: string;
  /** Hash of the book. */
  readonly price_book: string;
  readonly currency: string;
  readonly rated: bigint;
  readonly unrated: bigint;
  /** Cards without a price in the book, sorted. */
  readonly unrated_gpus: readonly string[];
  /** What tenants pay, and what the operator's own account comes to. */
  readonly charges_total: Decimal;
  readonly operator_total: Decimal;
  readonly content_hash: string;
  /** Milliseconds since 1970. */
  readonly rated_at: number;
  readonly epoch: bigint;
}

/** Parts of the GPU time, by how its busy time is known. */
export const BUSY_SHARES = ["busy_counter_share", "busy_sampled_share", "busy_elapsed_share"] as const;
export const BUSY_FACTORS = [...BUSY_SHARES, "busy_ratio"] as const;

export const CHARGE_FACTORS = [
  "gpu_hours",
  "rate_per_gpu_hour",
  ...BUSY_FACTORS,
  "memory_ratio",
  "power_ratio",
  "nvlink_ratio",
  "fluctuation",
  "weight_time",
  "weight_busy",
  "weight_held",
  "weight_memory",
  "weight_power",
  "weight_nvlink",
  "weight_fluctuation",
  "composite",
  "quality_sharing",
  "quality_outcome",
  "quality_contention",
  "quality_interruption",
  "quality_generation",
  "quality",
  "charge",
] as const satisfies readonly (keyof ChargeFactors)[];
export type ChargeFactor = (typeof CHARGE_FACTORS)[number];

/** What charges of composite@1 are not hashed with: it is not part of their formula, and came later. */
const SINCE_2: ReadonlySet<ChargeFactor> = new Set<ChargeFactor>([
  ...BUSY_FACTORS,
  "weight_busy",
  "weight_held",
]);
/** The text that the charges of a book are hashed as: a book has one formula. */
const TEXTS: {
  readonly [formula in Formula]: { readonly head: string; readonly factors: readonly ChargeFactor[] };
} = {
  "composite@1": {
    head: "meterhouse-charges/1",
    factors: CHARGE_FACTORS.filter((name) => !SINCE_2.has(name)),
  },
  "composite@2": { head: "meterhouse-charges/2", factors: CHARGE_FACTORS },
};

/** Whether the charge says how busy its GPU time was: none does that was rated before busy time was kept. */
export function saysBusyTime(charge: Pick<Charge, ChargeFactor>): boolean {
  return BUSY_SHARES.some((name) => charge[name] !== 0n);
}

export type RatedHour = Pick<
  HourRating,
  "rated" | "unrated" | "unrated_gpus" | "charges_total" | "operator_total"
> & {
  readonly charges: readonly Charge[];
};

/** Rates the rows of one hour, each by itself, so that their order does not matter. */
export function rateHour(rows: readonly UsageRow[], book: PriceBook): RatedHour {
  const charges: Charge[] = [];
  const unratedGpus = new Set<string>();
  const totals = { tenant: 0n, operator: 0n };
  for (const row of rows) {
    const rated = rate(row, book);
    if (rated.kind === "no_rate") {
      unratedGpus.add(cardText(row));
      continue;
    }
    charges.push(rated.charge);
    totals[rated.charge.payer] += rated.charge.charge;
  }
  return {
    charges,
    rated: BigInt(charges.length),
    unrated: BigInt(rows.length - charges.length),
    unrated_gpus: [...unratedGpus].toSorted(compareText),
    charges_total: totals.tenant,
    operator_total: totals.operator,
  };
}

/** The charges of an hour as the text that is hashed: one JSON line each, in the order of their keys. */
export function chargesText(
  { hash, formula }: Pick<PriceBook, "formula"> & { readonly hash: string },
  charges: readonly Charge[],
): string {
  const { head, factors } = TEXTS[formula];
  const lines = charges
    .map((charge) => ({ charge, key: usageKeyText(charge) }))
    .toSorted((left, right) => compareText(left.key, right.key))
    .map(({ charge }) =>
      JSON.stringify([
        charge.payer,
        charge.billed_to,
        ...USAGE_KEYS.map((name) => charge[name]),
        charge.formula,
        charge.currency,
        String(charge.events),
        String(charge.gpu_time_ns),
        ...(formula === "composite@1" ? [] : [String(charge.busy_ns)]),
        ...factors.map((name) => formatDecimal(charge[name])),
        charge.apportionments,
      ]),
    );
  return [JSON.stringify([head, hash, charges.length]), ...lines, ""].join("\n");
}
