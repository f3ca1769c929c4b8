import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ClassSales,
  classOf,
  computeIndex,
  salesOf,
} from "../../../../services/domain/insight/compute-index.ts";
import { formatDecimal, ONE } from "../../../../services/domain/money/decimal.ts";
import { rateHour } from "../../../../services/domain/rating/charges.ts";
import { demoBook, H100, usageRow } from "../../../support/builders/price-books.ts";
import { decimal } from "../../../support/builders/tenant-hours.ts";

const HOURLY = { period_hours: 1, window_periods: 169 };

function sale(at: number, gpu_class: string, quantity: string, value: string): ClassSales {
  return { hour: at * 3600, gpu_class, quantity: decimal(quantity), value: decimal(value) };
}

const levels = (sales: readonly ClassSales[], rules = HOURLY) =>
  computeIndex(sales, rules).map(({ level }) => formatDecimal(level));

describe("computeIndex", () => {
  it("begins at 100 and follows the price of a single class", () => {
    expect(levels([sale(1, "a", "2", "5"), sale(2, "a", "1", "3"), sale(3, "a", "7", "14")])).toEqual([
      "100.000000000000",
      "120.000000000000",
      "80.000000000000",
    ]);
  });

  it("is the root of Laspeyres times Paasche", () => {
    // Prices 1 and 2 become 2 and 2. Laspeyres (10x2 + 10x2) / (10 + 20) = 4/3, Paasche (5x2 + 20x2) / (5 + 40) = 10/9.
    const sales = [
      sale(1, "a", "10", "10"),
      sale(1, "b", "10", "20"),
      sale(2, "a", "5", "10"),
      sale(2, "b", "20", "40"),
    ];
    const point = computeIndex(sales, HOURLY)[1];
    expect(
      [point?.laspeyres, point?.paasche, point?.link, point?.level].map((value) =>
        formatDecimal(value ?? 0n),
      ),
    ).toEqual(["1.333333333333", "1.111111111111", "1.217161238900", "121.716123890037"]);
    expect(point?.components).toEqual([
      {
        gpu_class: "a",
        standing: "matched",
        quantity: decimal("5"),
        value: decimal("10"),
        price: decimal("2"),
        relative: decimal("2"),
      },
      {
        gpu_class: "b",
        standing: "matched",
        quantity: decimal("20"),
        value: decimal("40"),
        price: decimal("2"),
        relative: ONE,
      },
    ]);
  });

  it("lets a new class in from its second period on, and one that has vanished out at once", () => {
    const sales = [
      sale(1, "a", "1", "1"),
      sale(2, "a", "1", "1"),
      sale(2, "b", "1", "9"),
      sale(3, "b", "1", "18"),
    ];
    const points = computeIndex(sales, HOURLY);
    expect(points.map(({ level }) => formatDecimal(level))).toEqual([
      "100.000000000000",
      "100.000000000000",
      "200.000000000000",
    ]);
    expect(points[1]?.components.map(({ standing }) => standing)).toEqual(["matched", "new"]);
  });

  it("keeps its level where nothing matches", () => {
    expect(levels([sale(1, "a", "1", "1"), sale(2, "b", "1", "9")])).toEqual([
      "100.000000000000",
      "100.000000000000",
    ]);
    expect(levels([sale(1, "free", "1", "0")])).toEqual([]);
  });

  it("remembers a class over a pause, and no longer than the window", () => {
    const sales = [
      sale(1, "a", "1", "1"),
      sale(1, "b", "1", "1"),
      sale(2, "b", "1", "1"),
      sale(3, "b", "1", "1"),
      sale(3, "a", "1", "4"),
    ];
    // Against the first hour (4 + 1) / 2 = 250, against the second 100: the root of their product.
    expect(levels(sales, { period_hours: 1, window_periods: 3 })[2]).toBe("158.113883008419");
    const points = computeIndex(sales, { period_hours: 1, window_periods: 2 });
    expect(formatDecimal(points[2]?.level ?? 0n)).toBe("100.000000000000");
    expect(points[2]?.components.map(({ standing }) => standing)).toEqual(["new", "matched"]);
  });

  it("adds hours up to days", () => {
    const sales = [sale(0, "a", "1", "1"), sale(23, "a", "1", "3"), sale(24, "a", "1", "3")];
    expect(levels(sales, { period_hours: 24, window_periods: 2 })).toEqual([
      "100.000000000000",
      "150.000000000000",
    ]);
  });

  it("goes on from a point that stands as if it had begun at the beginning", () => {
    const amount = fc.bigInt({ min: 1n, max: 10n ** 15n });
    const sold = fc.record({
      hour: fc.nat(30),
      gpu_class: fc.constantFrom("a", "b", "c"),
      quantity: amount,
      value: amount,
    });
    const rules = fc.record({
      period_hours: fc.constantFrom(1, 4),
      window_periods: fc.integer({ min: 2, max: 6 }),
    });
    fc.assert(
      fc.property(fc.array(sold, { maxLength: 40 }), rules, fc.nat(40), (own, terms, cut) => {
        const sales = own.map((it) => ({ ...it, hour: it.hour * 3600 }));
        const points = computeIndex(sales, terms);
        const standing = points.slice(0, (cut % Math.max(1, points.length)) + 1);
        const last = standing.at(-1);
        if (last === undefined) return;
        const needed = sales.filter(({ hour }) => hour > last.from);
        expect(computeIndex(needed, terms, standing)).toEqual(points.slice(standing.length));
      }),
    );
  });

  it("comes back where prices and quantities come back, and lies between Laspeyres and Paasche", () => {
    const amount = fc.bigInt({ min: 1n, max: 10n ** 15n });
    const classes = fc.array(fc.record({ quantity: amount, value: amount }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(classes, classes, (one, other) => {
        const at = (period: number, own: typeof one): ClassSales[] =>
          own.map((sums, index) => ({ hour: period * 3600, gpu_class: `c${index}`, ...sums }));
        const points = computeIndex([...at(1, one), ...at(2, other), ...at(3, one)], HOURLY);
        const back = points[2]?.level ?? 0n;
        const there = points[1]?.level ?? 0n;
        // The level in between is rounded to 12 digits, which counts for more the smaller it is.
        const slack = 1n + (100n * ONE) / (there === 0n ? 1n : there);
        const off = back - 100n * ONE;
        if (there !== 0n) expect(off <= slack && off >= -slack).toBe(true);
        for (const { link, laspeyres, paasche } of points.slice(0, 2)) {
          const [low, high] = laspeyres < paasche ? [laspeyres, paasche] : [paasche, laspeyres];
          expect(low <= link + 1n && link <= high + 1n).toBe(true);
        }
      }),
    );
  });
});

describe("salesOf", () => {
  it("weighs GPU-hours by composite and quality, and leaves out what the operator pays", () => {
    const rows = [usageRow({ sharing: "timeslice" }), usageRow({ phase: "load" })];
    const { charges } = rateHour(rows, demoBook());
    expect(salesOf(3600, charges)).toEqual([
      {
        hour: 3600,
        gpu_class: `synthetic-7b | ${H100}`,
        quantity: decimal("0.62"),
        value: decimal("1.55"),
      },
    ]);
    expect(classOf({ model: "m", gpu_model: "g", mig_profile: "1g" })).toBe("m | g | 1g");
  });
});
