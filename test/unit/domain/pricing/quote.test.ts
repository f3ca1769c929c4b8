import { describe, expect, it } from "vitest";
import { quote } from "../../../../services/domain/pricing/quote.ts";

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
