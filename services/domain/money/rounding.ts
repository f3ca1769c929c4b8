/**
 * The only file that rounds. Everything else in pricing adds and multiplies exactly and hands its quotient to this one.
 */

/** numerator / denominator to the nearest integer, ties to the even one. `denominator` must be positive. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError(`denominator must be positive, got ${denominator}`);
  const quotient = numerator / denominator;
  const remainder = numerator - quotient * denominator;
  if (remainder === 0n) return quotient;
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

/**
 * Rounds amounts to multiples of `step` (positive) that add up to their sum, rounded once, half to even. Each amount moves
 * by less than one step; what flooring leaves over goes to the largest remainders, the lower index first among equals.
 */
export function roundToSum(amounts: readonly bigint[], step: bigint): bigint[] {
  const sum = amounts.reduce((total, amount) => total + amount, 0n);
  const parts = amounts.map((amount, index) => {
    const remainder = ((amount % step) + step) % step;
    return { index, rounded: amount - remainder, remainder };
  });
  const floored = parts.reduce((total, { rounded }) => total + rounded, 0n);
  let left = divideHalfEven(sum, step) - floored / step;
  const byRemainder = parts.toSorted((a, b) => {
    if (a.remainder === b.remainder) return a.index - b.index;
    return a.remainder > b.remainder ? -1 : 1;
  });
  for (const part of byRemainder) {
    if (left === 0n) break;
    part.rounded += step;
    left -= 1n;
  }
  return parts.map(({ rounded }) => rounded);
}

/** The value with its first `digits` digits and zeros behind them, ties to the even one. */
export function roundToDigits(value: bigint, digits: number): bigint {
  const length = String(value < 0n ? -value : value).length;
  if (length <= digits) return value;
  const step = 10n ** BigInt(length - digits);
  return step * divideHalfEven(value, step);
}

/** The square root of numerator / denominator to the nearest integer, exactly; `numerator` not negative, `denominator` positive. */
export function squareRoot(numerator: bigint, denominator: bigint): bigint {
  if (numerator < 0n) throw new RangeError(`there is no square root of ${numerator}`);
  if (denominator <= 0n) throw new RangeError(`denominator must be positive, got ${denominator}`);
  const floor = floorSquareRoot(numerator / denominator);
  const twice = 2n * floor + 1n;
  const distance = 4n * numerator - twice * twice * denominator;
  const isUp = distance > 0n || (distance === 0n && floor % 2n !== 0n);
  return isUp ? floor + 1n : floor;
}

/** Newton's method from above: each estimate is smaller than the one before until the floor is reached. */
function floorSquareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let estimate = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (estimate + value / estimate) >> 1n;
    if (next >= estimate) return estimate;
    estimate = next;
  }
}

/** The n-th root of the product of n values (not negative, at least one), to the nearest integer, exactly. */
export function geometricMean(values: readonly bigint[]): bigint {
  if (values.length === 0) throw new RangeError("there is no mean of nothing");
  if (values.some((value) => value < 0n)) throw new RangeError("values must not be negative");
  const count = BigInt(values.length);
  const product = values.reduce((a, b) => a * b, 1n);
  if (product === 0n) return 0n;
  // Newton's method from above, as the arithmetic mean is never the smaller one
  let root = values.reduce((a, b) => a + b, 0n) / count + 1n;
  for (;;) {
    const next = ((count - 1n) * root + product / root ** (count - 1n)) / count;
    if (next >= root) break;
    root = next;
  }
  return (2n * root + 1n) ** count < product << count ? root + 1n : root;
}
