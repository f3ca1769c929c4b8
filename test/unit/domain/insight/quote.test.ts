import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pooledQuote, quote } from "../../../../services/domain/insight/quote.ts";

const sample = (charge: bigint, tokens_out = 10n) => ({ charge, tokens_out });
const REQUESTS = { requests: 3n, tokens_out: null };

describe("quote", () => {
  it("says that there is no history rather than guess", () => {
    expect(quote([], REQUESTS)).toEqual({ kind: "no_history", samples: 0 });
    expect(quote([sample(5n, 0n)], { requests: 1n, tokens_out: 4n })).toEqual({
      kind: "no_history",
      samples: 0,
    });
  });

  it.each([
    [1, 1n, 1n, false],
    [2, 1n, 2n, false],
    [9, 5n, 9n, false],
    [10, 5n, 9n, true],
    [11, 6n, 10n, true],
    [100, 50n, 90n, true],
  ])("of %d samples takes the nearest rank", (count, p50, p90, is_p90_sound) => {
    const samples = Array.from({ length: count }, (_, index) => sample(BigInt(count - index)));
    expect(quote(samples, { requests: 1n, tokens_out: null })).toMatchObject({
      samples: count,
      p50,
      p90,
      is_p90_sound,
    });
  });

  it("multiplies by the number of requests, and rounds the mean once", () => {
    expect(quote([sample(1n), sample(2n), sample(2n)], REQUESTS)).toMatchObject({ expected: 5n, p50: 6n });
  });

  it("scales each sample to the tokens of the workload", () => {
    expect(
      quote([sample(30n, 10n), sample(100n, 20n), sample(9n, 0n)], { requests: 2n, tokens_out: 5n }),
    ).toEqual({
      kind: "quoted",
      samples: 2,
      expected: 40n,
      p50: 30n,
      p90: 50n,
      is_p90_sound: false,
    });
  });
});

describe("pooledQuote", () => {
  const samples = Array.from({ length: 12 }, (_, index) =>
    sample(1_000_000n + 12_345n * BigInt(index), 100n),
  );

  it("says two digits of one request, and multiplies after that", () => {
    expect(pooledQuote(samples, { requests: 7n, tokens_out: null })).toEqual({
      kind: "quoted",
      samples: 12,
      expected: 7_700_000n,
      p50: 7_700_000n,
      p90: 7_700_000n,
      is_p90_sound: true,
    });
    expect(pooledQuote([], REQUESTS)).toEqual({ kind: "no_history", samples: 0 });
  });

  it("takes any number of requests and tokens, and says no more of one than it did", () => {
    const charges = fc.array(fc.bigInt({ min: 1n, max: 10n ** 14n }), { minLength: 1, maxLength: 20 });
    const requests = fc.bigInt({ min: 1n, max: 999_999_999n });
    fc.assert(
      fc.property(charges, requests, fc.bigInt({ min: 0n, max: 100_000n }), (own, times, tokens_out) => {
        const others = own.map((charge) => sample(charge, 1_000n));
        const one = pooledQuote(others, { requests: 1n, tokens_out: 1_000n });
        const many = pooledQuote(others, { requests: times, tokens_out: tokens_out * 1_000n });
        const plain = pooledQuote(others, { requests: times, tokens_out: null });
        if (one.kind !== "quoted" || many.kind !== "quoted" || plain.kind !== "quoted") throw new Error();
        for (const name of ["expected", "p50", "p90"] as const) {
          expect(String(one[name]).replace(/0+$/, "").length).toBeLessThanOrEqual(2);
          expect(many[name]).toBe(times * tokens_out * one[name]);
          expect(plain[name]).toBe(times * one[name]);
        }
      }),
    );
  });
});
