import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatDecimal,
  multiply,
  ONE,
  parseDecimal,
  ratio,
  sumOfProducts,
} from "../../../../services/domain/money/decimal.ts";

describe("parseDecimal and formatDecimal", () => {
  it.each([
    ["0", "0.000000000000"],
    ["2.50", "2.500000000000"],
    ["-0.000000000001", "-0.000000000001"],
    ["12345678901234567890123456.999999999999", "12345678901234567890123456.999999999999"],
  ])("%s is %s", (text, written) => {
    const parsed = parseDecimal(text);
    expect(parsed.ok && formatDecimal(parsed.value)).toBe(written);
  });

  it.each(["0.1234567890123", "1.0000000000000", "123456789012345678901234567"])(
    "%s has too many digits",
    (text) => {
      expect(parseDecimal(text)).toEqual({ ok: false, fault: "DECIMAL_TOO_MANY_DIGITS" });
    },
  );

  it.each(["", "1.", ".5", "01", "+1", "1e3", "1,5", " 1", "NaN", "Infinity", "0x1", "1.5.2", "--1"])(
    "%j is no number",
    (text) => {
      expect(parseDecimal(text)).toEqual({ ok: false, fault: "DECIMAL_NOT_A_NUMBER" });
    },
  );

  it("reads back what it writes", () => {
    const limit = 10n ** 38n - 1n;
    fc.assert(
      fc.property(fc.bigInt({ min: -limit, max: limit }), (value) => {
        expect(parseDecimal(formatDecimal(value))).toEqual({ ok: true, value });
      }),
    );
  });
});

describe("exact until the one rounding", () => {
  it("a ratio over nothing is 0", () => {
    expect(ratio(5n, 0n)).toBe(0n);
    expect(ratio(1n, 3n)).toBe(333_333_333_333n);
    expect(ratio(2n, 3n)).toBe(666_666_666_667n);
  });

  it("multiplying many factors rounds once", () => {
    const third = ratio(1n, 3n);
    expect(multiply(third, 3n * ONE, 10n * ONE)).toBe(9_999_999_999_990n);
    expect(multiply(ONE)).toBe(ONE);
  });

  it("a sum of products rounds once", () => {
    const half = ONE / 2n;
    // Each product alone would round to even, to 0, 2 and 2.
    expect(
      sumOfProducts([
        [half, 1n],
        [half, 3n],
        [half, 4n],
      ]),
    ).toBe(4n);
  });
});
