import { type GpuPrice, type Payer, type PriceBook, priceOf, type Quality } from "../books/price-book.ts";
import type { UsageKey, UsageRow } from "../closing/usage.ts";
import { isOperatorPhase } from "../event/phases.ts";
import { type Decimal, multiply, ONE, ratio, sumOfProducts } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import { NS_PER_HOUR } from "../time/hour.ts";

const NS_PER_S = 1_000_000_000n;
/** Microjoules in one milliwatt-nanosecond, inverted: 1 mW·ns is 10^-6 µJ. */
const MW_NS_PER_UJ = 1_000_000n;

/**
 * What a card can do at most, of its elapsed time and its reference: a ratio beyond counts as this. So no counter that broke and no
 * event that was made up lifts a composite over `compositeMax` of its weights.
 */
const RATIO_MAX = {
  /** Streams that overlap hold a card in equal parts: with 8 of them one may work all of what it holds an eighth of. */
  busy: 8n * ONE,
  /** Unified memory lets twice be allocated of what there is: MEMORY_FACTOR in event/bounds.ts. */
  memory: 2n * ONE,
  /** Energy is read every 100 ms and shared by who ran in between: short sessions of h100-busy-trace have up to 1.84 of the limit. */
  power: 2n * ONE,
  /** Traffic is shared over the readings in between, as energy is. */
  nvlink: 2n * ONE,
  /** From the idle power of a card, a tenth of its limit (70 W of 700 W of an H100), to the limit. */
  fluctuation: 9n * ONE,
} as const satisfies Readonly<Record<string, Decimal>>;

/** The largest composite that weights allow, whatever the usage. */
export const compositeMax = (weights: GpuPrice["weights"]): Decimal =>
  sumOfProducts([
    [weights.time, ONE],
    [weights.busy, RATIO_MAX.busy],
    [weights.held, ONE],
    [weights.memory, RATIO_MAX.memory],
    [weights.power, RATIO_MAX.power],
    [weights.nvlink, RATIO_MAX.nvlink],
    [weights.fluctuation, RATIO_MAX.fluctuation],
  ]);

const atMost = (value: Decimal, most: Decimal): Decimal => (value > most ? most : value);

/** Every term of a charge. The shown terms, multiplied as the formula says, give the shown charge. */
export interface ChargeFactors {
  readonly gpu_hours: Decimal;
  readonly rate_per_gpu_hour: Decimal;
  /** Parts of the GPU time whose busy time is from the card's counter, from samples, and unknown; they add up to 1. */
  readonly busy_counter_share: Decimal;
  readonly busy_sampled_share: Decimal;
  readonly busy_elapsed_share: Decimal;
  /** Busy / elapsed time. More than 1 is possible where streams overlap. Ratios are at most those of `RATIO_MAX`. */
  readonly busy_ratio: Decimal;
  readonly memory_ratio: Decimal;
  readonly power_ratio: Decimal;
  readonly nvlink_ratio: Decimal;
  readonly fluctuation: Decimal;
  readonly weight_time: Decimal;
  readonly weight_busy: Decimal;
  readonly weight_held: Decimal;
  readonly weight_memory: Decimal;
  readonly weight_power: Decimal;
  readonly weight_nvlink: Decimal;
  readonly weight_fluctuation: Decimal;
  readonly composite: Decimal;
  readonly quality_sharing: Decimal;
  readonly quality_outcome: Decimal;
  readonly quality_contention: Decimal;
  readonly quality_interruption: Decimal;
  readonly quality_generation: Decimal;
  readonly quality: Decimal;
  readonly charge: Decimal;
}

/** A usage row with its price. `billed_to` is the tenant, or the operator's own account. */
export type Charge = UsageKey &
  ChargeFactors & {
    readonly payer: Payer;
    readonly billed_to: string;
    readonly currency: string;
    readonly formula: string;
    readonly events: bigint;
    readonly gpu_time_ns: bigint;
    /** Elapsed time counts where busy time is unknown. */
    readonly busy_ns: bigint;
    readonly apportionments: readonly string[];
  };

export type Rated =
  | { readonly kind: "charged"; readonly charge: Charge }
  /** The book has no price for this card: the row waits for a book that has. */
  | { readonly kind: "no_rate"; readonly row: UsageRow };

/**
 * Rates one row of usage: GPU-hours x rate x composite x quality. Pure, and exact up to one rounding for each shown term;
 * the charge is rounded once, from the nanoseconds and not from the shown GPU-hours.
 */
export function rate(row: UsageRow, book: PriceBook): Rated {
  const price = priceOf(book, row);
  if (price === null) return { kind: "no_rate", row };
  const payer = payerOf(row.phase, book);
  const busy = busyTerms(row);
  const composite = compositeTerms(row, price, busy.busy_ratio);
  const quality = qualityTerms(row, price, book.quality);
  const exact = row.gpu_time_ns * price.rate_per_gpu_hour * composite.composite * quality.quality;
  return {
    kind: "charged",
    charge: {
      // by hand: rating a row took 1.9 µs so, and 3.2 with the key made from USAGE_KEYS
      tenant_id: row.tenant_id,
      project_id: row.project_id,
      model: row.model,
      model_version: row.model_version,
      gpu_model: row.gpu_model,
      mig_profile: row.mig_profile,
      sharing: row.sharing,
      phase: row.phase,
      outcome: row.outcome,
      payer,
      billed_to: payer === "operator" ? book.operator_tenant_id : row.tenant_id,
      currency: book.currency,
      formula: book.formula,
      events: row.events,
      gpu_time_ns: row.gpu_time_ns,
      apportionments: row.apportionments,
      gpu_hours: ratio(row.gpu_time_ns, NS_PER_HOUR),
      rate_per_gpu_hour: price.rate_per_gpu_hour,
      ...busy,
      ...composite,
      ...quality,
      charge: divideHalfEven(exact, NS_PER_HOUR * ONE * ONE),
    },
  };
}

/** Busy time that is unknown counts as elapsed, and its share says so. */
function busyTerms(row: UsageRow) {
  const time = row.gpu_time_ns;
  const busy_ns = row.gpu_busy_ns + time - row.gpu_busy_known_ns;
  const busy_counter_share = ratio(row.gpu_busy_counter_ns, time);
  const busy_sampled_share = ratio(row.gpu_busy_known_ns - row.gpu_busy_counter_ns, time);
  return {
    busy_ns,
    busy_counter_share,
    busy_sampled_share,
    busy_elapsed_share: time === 0n ? 0n : ONE - busy_counter_share - busy_sampled_share,
    busy_ratio: atMost(ratio(busy_ns, time), RATIO_MAX.busy),
  };
}

/**
 * composite@1: w_time + w_memory m + w_power p + w_nvlink n + w_fluctuation f; composite@2: w_busy b + w_held in place of w_time.
 * One sum for both, as the weights of the other are 0. From the row's integer sums.
 */
function compositeTerms(row: UsageRow, { weights, reference }: GpuPrice, busy_ratio: Decimal) {
  const time = row.gpu_time_ns;
  const memory_ratio = atMost(
    ratio(row.memory_time_byte_ns, time * reference.memory_bytes),
    RATIO_MAX.memory,
  );
  const power_ratio = atMost(
    ratio(row.energy_uj * MW_NS_PER_UJ, time * reference.power_limit_mw),
    RATIO_MAX.power,
  );
  const nvlink = row.nvlink_tx_bytes + row.nvlink_rx_bytes;
  const nvlink_ratio = atMost(
    ratio(nvlink * NS_PER_S, time * reference.nvlink_bytes_per_s),
    RATIO_MAX.nvlink,
  );
  // A peak below the average can only come from samples that missed the peak.
  const above = row.power_peak_time_mw_ns - row.power_avg_time_mw_ns;
  const fluctuation = atMost(ratio(above > 0n ? above : 0n, row.power_avg_time_mw_ns), RATIO_MAX.fluctuation);
  return {
    memory_ratio,
    power_ratio,
    nvlink_ratio,
    fluctuation,
    weight_time: weights.time,
    weight_busy: weights.busy,
    weight_held: weights.held,
    weight_memory: weights.memory,
    weight_power: weights.power,
    weight_nvlink: weights.nvlink,
    weight_fluctuation: weights.fluctuation,
    composite: sumOfProducts([
      [weights.time, ONE],
      [weights.busy, busy_ratio],
      [weights.held, ONE],
      [weights.memory, memory_ratio],
      [weights.power, power_ratio],
      [weights.nvlink, nvlink_ratio],
      [weights.fluctuation, fluctuation],
    ]),
  };
}

function qualityTerms(row: UsageRow, price: GpuPrice, rules: Quality) {
  const quality_sharing = factor(rules.sharing, row.sharing);
  const quality_outcome = factor(rules.outcome, row.outcome);
  const quality_contention = contention(row, rules);
  const quality_interruption = row.outcome === "interrupted" ? rules.interruption : ONE;
  const quality_generation = price.generation;
  return {
    quality_sharing,
    quality_outcome,
    quality_contention,
    quality_interruption,
    quality_generation,
    quality: multiply(
      quality_sharing,
      quality_outcome,
      quality_contention,
      quality_interruption,
      quality_generation,
    ),
  };
}

/** Busy / elapsed over the events whose busy time is measured, bounded; 1 where none is. */
function contention(row: UsageRow, { contention: { min, max } }: Quality): Decimal {
  if (row.gpu_busy_known_ns === 0n) return ONE;
  const busy = ratio(row.gpu_busy_ns, row.gpu_busy_known_ns);
  if (busy < min) return min;
  return busy > max ? max : busy;
}

function payerOf(phase: string, book: PriceBook): Payer {
  return isOperatorPhase(phase) ? "operator" : book.phases.inference;
}

function factor(factors: Readonly<Record<string, Decimal>>, name: string): Decimal {
  const found = factors[name];
  if (found === undefined) throw new RangeError(`a price book has no factor for "${name}"`);
  return found;
}
