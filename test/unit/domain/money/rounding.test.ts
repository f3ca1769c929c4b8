import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  divideHalfEven,
  geometricMean,
  roundToDigits,
  roundToSum,
  splitByLargestRemainder,
  squareRoot,
} from "../../../../services/domain/money/rounding.ts";

describe("divideHalfEven", () => {
  it.each([
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-5n, 2n, -2n],
    [-7n, 2n, -4n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
    [-2n, 3n, -1n],
    [25n, 10n, 2n],
    [26n, 10n, 3n],
    [0n, 7n, 0n],
  ])("%d / %d = %d", (numerator, denominator, quotient) => {
    expect(divideHalfEven(numerator, denominator)).toBe(quotient);
  });

  it("is at most half away, and even where it is exactly half away", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt({ min: 1n }), (numerator, denominator) => {
        const quotient = divideHalfEven(numerator, denominator);
        const off = numerator - quotient * denominator;
        const twice = 2n * (off < 0n ? -off : off);
        expect(twice <= denominator).toBe(true);
        if (twice === denominator) expect(quotient % 2n).toBe(0n);
      }),
    );
  });

  it("refuses a denominator that is not positive", () => {
    expect(() => divideHalfEven(1n, 0n)).toThrow(RangeError);
    expect(() => divideHalfEven(1n, -1n)).toThrow(RangeError);
  });
});

describe("splitByLargestRemainder", () => {
  it.each([
    [10n, [1n, 1n, 1n], [4n, 3n, 3n]],
    [10n, [3n, 3n, 4n], [3n, 3n, 4n]],
    [1n, [1n, 2n], [0n, 1n]],
    [5n, [0n, 0n], [3n, 2n]],
    [0n, [1n, 2n], [0n, 0n]],
    [7n, [0n, 1n, 0n], [0n, 7n, 0n]],
  ])("%s over %s is %s", (whole, weights, shares) => {
    expect(splitByLargestRemainder(whole, weights)).toEqual(shares);
  });

  it("adds up to the whole, each share within 1 of its exact value", () => {
    const weights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 20n }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), weights, (whole, parts) => {
        const shares = splitByLargestRemainder(whole, parts);
        const total = parts.reduce((sum, part) => sum + part, 0n);
        expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(whole);
        if (total === 0n) return;
        shares.forEach((share, index) => {
          const off = share * total - whole * (parts[index] ?? 0n);
          expect(off > -total && off < total).toBe(true);
        });
      }),
    );
  });

  it("refuses what cannot be split", () => {
    expect(() => splitByLargestRemainder(1n, [])).toThrow(RangeError);
    expect(() => splitByLargestRemainder(-1n, [1n])).toThrow(RangeError);
    expect(() => splitByLargestRemainder(1n, [-1n])).toThrow(RangeError);
  });
});

describe("roundToSum", () => {
  it("keeps the rounded sum and gives the rest to the largest remainders, below zero too", () => {
    expect(roundToSum([34n, 33n, 33n], 100n)).toEqual([100n, 0n, 0n]);
    expect(roundToSum([-34n, -33n, -33n], 100n)).toEqual([-100n, 0n, 0n]);
    expect(roundToSum([], 100n)).toEqual([]);
  });
});

describe("squareRoot", () => {
  it.each([
    [0n, 1n, 0n],
    [2n, 1n, 1n],
    [3n, 1n, 2n],
    [25n, 4n, 2n],
    [49n, 4n, 4n],
    [10n ** 40n, 1n, 10n ** 20n],
    [10n ** 40n - 1n, 1n, 10n ** 20n],
  ])("of %d / %d is %d", (numerator, denominator, root) => {
    expect(squareRoot(numerator, denominator)).toBe(root);
  });

  it("is at most half away from the exact root", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n }), fc.bigInt({ min: 1n }), (numerator, denominator) => {
        const root = squareRoot(numerator, denominator);
        const above = (2n * root + 1n) ** 2n * denominator;
        const below = root === 0n ? 0n : (2n * root - 1n) ** 2n * denominator;
        expect(below <= 4n * numerator && 4n * numerator <= above).toBe(true);
      }),
    );
  });

  it("refuses what has none", () => {
    expect(() => squareRoot(-1n, 1n)).toThrow(RangeError);
    expect(() => squareRoot(1n, 0n)).toThrow(RangeError);
  });
});

it.each([
  [0n, 2, 0n],
  [99n, 2, 99n],
  [994n, 2, 990n],
  [995n, 2, 1000n],
  [985n, 2, 980n],
  [-1_251n, 2, -1_300n],
  [123_456n, 3, 123_000n],
])("%d to %d digits is %d", (value, digits, rounded) => {
  expect(roundToDigits(value, digits)).toBe(rounded);
});

describe("geometricMean", () => {
  it.each([
    [[7n], 7n],
    [[2n, 8n], 4n],
    [[1n, 10n, 100n], 10n],
    [[2n, 3n], 2n],
    [[3n, 4n], 3n],
    [[5n, 6n, 0n], 0n],
  ])("of %o is %d", (values, mean) => {
    expect(geometricMean(values)).toBe(mean);
  });

  it("is at most half away from the exact root", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 10n ** 20n }), { minLength: 1 }), (values) => {
        const mean = geometricMean(values);
        const count = BigInt(values.length);
        const product = values.reduce((a, b) => a * b, 1n) << count;
        expect((2n * mean - 1n) ** count <= product && product <= (2n * mean + 1n) ** count).toBe(true);
      }),
    );
  });

  it("refuses what has none", () => {
    expect(() => geometricMean([])).toThrow(RangeError);
    expect(() => geometricMean([1n, -1n])).toThrow(RangeError);
  });
});
