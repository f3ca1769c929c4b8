import type { Decimal } from "./money.ts";
import { divideHalfEven } from "./rounding.ts";

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

const SOUND_SAMPLES = 10;

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

/** The nearest rank: the smallest sample that at least `percent` of all samples do not exceed. `sorted` must not be empty. */
function quantile(sorted: readonly Decimal[], percent: number): Decimal {
  const rank = Math.ceil((percent * sorted.length) / 100);
  const sample = sorted[rank - 1];
  if (sample === undefined) throw new RangeError("there are no samples");
  return sample;
}
