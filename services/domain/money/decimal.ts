import { divideHalfEven } from "./rounding.ts";

/**
 * A fixed-point decimal: the number times 10^12, as an integer. Rates, weights, factors and amounts of money are all
 * of this kind; an amount is in the currency of its price book.
 */
export type Decimal = bigint;

const DECIMAL_DIGITS = 12;
export const ONE: Decimal = 10n ** BigInt(DECIMAL_DIGITS);

export type DecimalFault = "DECIMAL_NOT_A_NUMBER" | "DECIMAL_TOO_MANY_DIGITS";
export type ParsedDecimal =
  | { readonly ok: true; readonly value: Decimal }
  | { readonly ok: false; readonly fault: DecimalFault };

/** Digits before the point that a Decimal(38, 12) column holds. */
const WHOLE_DIGITS = 26;
const PATTERN = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** Reads a decimal such as "2.50" exactly. More than 12 digits behind the point, or 26 before it, is a fault. */
export function parseDecimal(text: string): ParsedDecimal {
  const match = PATTERN.exec(text);
  if (match === null) return { ok: false, fault: "DECIMAL_NOT_A_NUMBER" };
  const [, sign = "", whole = "", fraction = ""] = match;
  if (fraction.length > DECIMAL_DIGITS || whole.length > WHOLE_DIGITS) {
    return { ok: false, fault: "DECIMAL_TOO_MANY_DIGITS" };
  }
  const value = BigInt(whole) * ONE + BigInt(fraction.padEnd(DECIMAL_DIGITS, "0"));
  return { ok: true, value: sign === "-" ? -value : value };
}

/** Writes all 12 digits: 1.9375 is "1.937500000000". */
export function formatDecimal(value: Decimal): string {
  const magnitude = value < 0n ? -value : value;
  const fraction = String(magnitude % ONE).padStart(DECIMAL_DIGITS, "0");
  return `${value < 0n ? "-" : ""}${magnitude / ONE}.${fraction}`;
}

/** numerator / denominator as a decimal, rounded once. A denominator of 0 means there was nothing: 0. */
export function ratio(numerator: bigint, denominator: bigint): Decimal {
  return denominator === 0n ? 0n : divideHalfEven(numerator * ONE, denominator);
}

/** The product of decimals, rounded once at the end. */
export function multiply(...factors: readonly [Decimal, ...Decimal[]]): Decimal {
  let product = ONE;
  let scale = 1n;
  for (const factor of factors) {
    if (factor === ONE) continue;
    product *= factor;
    scale *= ONE;
  }
  return scale === 1n ? product : divideHalfEven(product, scale);
}

/** The sum of products left[i] * right[i], rounded once at the end. */
export function sumOfProducts(pairs: readonly (readonly [Decimal, Decimal])[]): Decimal {
  const sum = pairs.reduce((total, [left, right]) => total + left * right, 0n);
  return divideHalfEven(sum, ONE);
}
