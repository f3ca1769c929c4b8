// What any index of prices must hold, whatever was sold. Prices and quantities are drawn; tolerances are the rounding of figures to 12 digits.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { INDEX_RULES } from "../../../../services/billing/index/index-points.ts";
import {
  type ClassSales,
  computeIndex,
  type IndexRules,
  salesOf,
} from "../../../../services/domain/insight/compute-index.ts";
import { ONE } from "../../../../services/domain/money/decimal.ts";
import { rateHour } from "../../../../services/domain/rating/charges.ts";
import { busyBook, demoBook, usageRow } from "../../../support/builders/price-books.ts";

const DAY_S = 86_400;
const BASE = 100n * ONE;
const DAILY = INDEX_RULES.day;

/** Prices in thousandths and whole quantities, so that values are exact. */
type Basket = Readonly<Record<string, { readonly price: bigint; readonly quantity: bigint }>>;

const salesOn = (day: number, basket: Basket): ClassSales[] =>
  Object.entries(basket).map(([gpu_class, { price, quantity }]) => ({
    hour: day * DAY_S,
    gpu_class,
    quantity: quantity * ONE,
    value: (price * quantity * ONE) / 1_000n,
  }));
const levels = (days: readonly Basket[], rules: IndexRules = DAILY): bigint[] =>
  computeIndex(
    days.flatMap((basket, day) => salesOn(day, basket)),
    rules,
  ).map(({ level }) => level);
const last = (days: readonly Basket[], rules?: IndexRules): bigint => levels(days, rules).at(-1) ?? 0n;

/** In parts of a million. */
function offBy(level: bigint, expected: bigint): number {
  return Number(((level - expected) * 1_000_000_000n) / expected) / 1_000;
}

const NAMES = ["a", "b", "c", "d"] as const;
const quantity = fc.bigInt({ min: 1n, max: 10_000n });
const price = fc.bigInt({ min: 100n, max: 20_000n });
const basketOf = (prices: readonly bigint[], quantities: readonly bigint[]): Basket =>
  Object.fromEntries(
    prices.map((it, index) => [NAMES[index], { price: it, quantity: quantities[index] ?? 1n }]),
  );
const perClass = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.array(arbitrary, { minLength: NAMES.length, maxLength: NAMES.length });
const basket = fc.tuple(perClass(price), perClass(quantity)).map(([p, q]) => basketOf(p, q));
const path = fc.array(basket, { minLength: 1, maxLength: 8 });

describe("axioms", () => {
  it("identity: the same prices give the same level, whatever the quantities and whatever was in between", () => {
    fc.assert(
      fc.property(
        perClass(price),
        perClass(quantity),
        perClass(quantity),
        path,
        (prices, one, two, between) => {
          const found = levels([basketOf(prices, one), ...between, basketOf(prices, two)]);
          expect(Math.abs(offBy(found.at(-1) ?? 0n, BASE))).toBeLessThan(0.001);
        },
      ),
    );
  });

  it("invariance to mix: prices that never change keep 100, through any load and any classes that come and go", () => {
    const days = fc.array(fc.tuple(perClass(quantity), fc.subarray([...NAMES], { minLength: 1 })), {
      minLength: 2,
      maxLength: 20,
    });
    fc.assert(
      fc.property(perClass(price), days, (prices, loads) => {
        const baskets = loads.map(([quantities, sold]) =>
          Object.fromEntries(
            Object.entries(basketOf(prices, quantities)).filter(([name]) =>
              (sold as readonly string[]).includes(name),
            ),
          ),
        );
        expect(new Set(levels(baskets))).toEqual(new Set([BASE]));
      }),
    );
  });

  it("proportionality: all prices times k are the level times k, whatever the quantities", () => {
    fc.assert(
      fc.property(path, perClass(quantity), fc.bigInt({ min: 1n, max: 50n }), (days, quantities, times) => {
        const before = days.at(-1) as Basket;
        const after = basketOf(
          Object.values(before).map((it) => it.price * times),
          quantities,
        );
        const found = levels([...days, after]);
        // a day before may have had exactly these prices too, and then both say the same
        expect(Math.abs(offBy(found.at(-1) ?? 0n, (found.at(-2) ?? 0n) * times))).toBeLessThan(0.001);
      }),
    );
  });

  it("commensurability: another unit of a class changes no level", () => {
    fc.assert(
      fc.property(path, fc.constantFrom(...NAMES), fc.constantFrom(10n, 1_000n), (days, name, unit) => {
        const other = days.map((it) => {
          const own = it[name] as Basket[string];
          // in its thousandths, so that both are exact
          return { ...it, [name]: { price: own.price * unit, quantity: own.quantity * 1_000n } };
        });
        const same = days.map((it) => {
          const own = it[name] as Basket[string];
          return { ...it, [name]: { price: own.price * 1_000n, quantity: own.quantity * unit } };
        });
        for (const [index, level] of levels(other).entries()) {
          expect(Math.abs(offBy(level, levels(same)[index] ?? 0n))).toBeLessThan(0.001);
        }
      }),
    );
  });

  it("circularity: a path of any prices that ends where it began ends at its level", () => {
    fc.assert(
      fc.property(path, (days) => {
        const first = days[0] as Basket;
        expect(Math.abs(offBy(last([...days, first]), BASE))).toBeLessThan(0.001);
        const round = levels([...days, ...days]);
        expect(Math.abs(offBy(round[days.length] ?? 0n, BASE))).toBeLessThan(0.001);
      }),
    );
  });
});

/** Three classes; prices go up and down in a week, and buyers store up while they are low. */
const WEEK: readonly Basket[] = [
  basketOf([2_500n, 4_000n, 1_000n], [10n, 20n, 5n]),
  basketOf([2_000n, 4_200n, 1_100n], [60n, 10n, 5n]),
  basketOf([1_500n, 4_400n, 900n], [400n, 5n, 20n]),
  basketOf([2_500n, 3_000n, 1_000n], [4n, 90n, 5n]),
  basketOf([2_700n, 2_500n, 1_300n], [5n, 300n, 1n]),
  basketOf([2_600n, 4_000n, 1_200n], [8n, 3n, 2n]),
  basketOf([2_500n, 4_100n, 700n], [10n, 18n, 60n]),
];
/** Most that a level may be off after a year: 0.01 % in parts of a million. */
const DRIFT_MAX = 100;

describe("366 days of a cycle", () => {
  it.each([1, 2, 7, 30, 366])("of %d days drift by at most one in ten thousand", (length) => {
    const days = Array.from({ length: 367 }, (_, day) => {
      const phase = day % length;
      const base = WEEK[phase % WEEK.length] as Basket;
      return length > WEEK.length ? shifted(base, phase) : base;
    });
    const found = levels(days);
    for (let day = length; day < days.length; day++) {
      expect(Math.abs(offBy(found[day] ?? 0n, found[day % length] ?? 1n))).toBeLessThan(DRIFT_MAX);
    }
  });

  it("of load and composite under a book that never changes leave 100 as it is, by either formula", () => {
    for (const book of [demoBook(), busyBook()]) {
      const sales = Array.from({ length: 366 }, (_, day) => {
        const share = BigInt(1 + ((day * 37) % 97));
        const rows = ["synthetic-7b", "synthetic-70b"].map((model, index) =>
          usageRow({
            model,
            gpu_time_ns: 36_000_000_000n * (index === 0 ? share : 98n - share),
            energy_uj: 12_600_000_000n * (index === 0 ? 98n - share : share),
          }),
        );
        return salesOf(day * DAY_S, rateHour(rows, book).charges);
      }).flat();
      const found = computeIndex(sales, DAILY).map(({ level }) => level);
      expect(found).toHaveLength(366);
      for (const level of found) expect(Math.abs(offBy(level, BASE))).toBeLessThan(0.001);
    }
  });
});

/** The same quantities at prices of this day of a longer cycle. */
const shifted = (base: Basket, phase: number): Basket =>
  Object.fromEntries(
    Object.entries(base).map(([name, it], index) => [
      name,
      { ...it, price: it.price + BigInt((phase * (13 + 4 * index)) % 251) },
    ]),
  );
