/**
 * The only file that rounds. Everything else in pricing adds and multiplies exactly and hands its quotient to this one.
 */

/** numerator / denominator to the nearest integer, ties to the even one. `denominator` must be positive. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError(`denominator must be positive, got ${denominator}`);
  const quotient = numerator / denominator;
  const remainder = numerator % denominator;
  const twice = 2n * (remainder < 0n ? -remainder : remainder);
  const away = twice > denominator || (twice === denominator && quotient % 2n !== 0n);
  if (!away) return quotient;
  return numerator < 0n ? quotient - 1n : quotient + 1n;
}

/**
 * Splits `whole` (not negative) in proportion to `weights` (not negative) into integers that add up to `whole`.
 * What flooring leaves over goes to the largest remainders; among equal remainders the lower index comes first.
 * Where every weight is 0, all of them count the same.
 */
export function splitByLargestRemainder(whole: bigint, weights: readonly bigint[]): bigint[] {
  if (whole < 0n) throw new RangeError(`whole must not be negative, got ${whole}`);
  if (weights.length === 0) throw new RangeError("there is nothing to split over");
  if (weights.some((weight) => weight < 0n)) throw new RangeError("weights must not be negative");
  const sum = weights.reduce((total, weight) => total + weight, 0n);
  const used = sum === 0n ? weights.map(() => 1n) : weights;
  const total = sum === 0n ? BigInt(weights.length) : sum;

  const shares = used.map((weight, index) => ({
    index,
    share: (whole * weight) / total,
    remainder: (whole * weight) % total,
  }));
  let left = whole - shares.reduce((given, { share }) => given + share, 0n);
  const byRemainder = shares.toSorted((a, b) => {
    if (a.remainder === b.remainder) return a.index - b.index;
    return a.remainder > b.remainder ? -1 : 1;
  });
  for (const entry of byRemainder) {
    if (left === 0n) break;
    entry.share += 1n;
    left -= 1n;
  }
  return shares.map(({ share }) => share);
}
