import type { Decimal } from "../money/decimal.ts";

/** The composites that rating/rate.ts computes. A changed formula is a new name, and old books keep theirs. */
export const FORMULAS = ["composite@1", "composite@2"] as const;
export type Formula = (typeof FORMULAS)[number];

/** What a composite can weigh: elapsed time, busy time, and time for which the card was held, whatever it did; then its use. */
type Weight = "time" | "busy" | "held" | "memory" | "power" | "nvlink" | "fluctuation";
/** They add up to 1. What a formula does not weigh is 0. */
export type Weights = { readonly [name in Weight]: Decimal };
export const NO_WEIGHTS: Weights = {
  time: 0n,
  busy: 0n,
  held: 0n,
  memory: 0n,
  power: 0n,
  nvlink: 0n,
  fluctuation: 0n,
};

const USE = ["memory", "power", "nvlink", "fluctuation"] as const;
/** Weights of a book, by its formula. */
export const WEIGHTS: { readonly [formula in Formula]: readonly Weight[] } = {
  "composite@1": ["time", ...USE],
  "composite@2": ["busy", "held", ...USE],
};

/** Whether busy / elapsed time is a factor of quality. It is not where the composite weighs busy time itself. */
export const hasContention = (formula: Formula): boolean => formula === "composite@1";
