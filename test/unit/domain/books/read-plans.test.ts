import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalPriceBook, readPriceBook } from "../../../../services/domain/books/price-book.ts";
import { bookDocument, bookWith, demoBook, FULL_PLAN } from "../../../support/builders/price-books.ts";

const OFFER = {
  name: "100 hours",
  unit: "composite_gpu_hour",
  quantity: "100",
  price: "220",
  valid_hours: 720,
};

function faultsOf(parts: Readonly<Record<string, unknown>>): string[] {
  const read = readPriceBook({ ...bookDocument(), ...parts });
  return read.ok ? [] : read.faults.map(({ path, code }) => `${path} ${code}`);
}

describe("plans of a price book", () => {
  it("are read with every part", () => {
    const [plan] = bookWith({ plans: [FULL_PLAN] }).plans;
    expect(plan?.rates.map(({ price }) => price.kind)).toEqual(["graduated", "unit", "volume"]);
    expect(plan?.adjustments.map(({ kind }) => kind)).toEqual([
      "percentage_discount",
      "fixed_discount",
      "minimum_commitment",
    ]);
  });

  it("leave the hash of a book without them as it was", () => {
    const hash = createHash("sha256").update(canonicalPriceBook(demoBook())).digest("hex");
    expect(hash).toBe("211b41fa77e4294adda87c94d9962e38cdb1dba77dd31fe6ec17505e6d798e64");
  });

  it("have a canonical text that reads as the same book", () => {
    const book = bookWith({ plans: [FULL_PLAN], prepaid: [{ ...OFFER, gpu_models: ["H100"] }] });
    const text = canonicalPriceBook(book);
    expect(readPriceBook(JSON.parse(text))).toEqual({ ok: true, book });
  });

  const rate = (parts: object) => ({
    plans: [{ name: "p", rates: [{ name: "r", unit: "gpu_hour", ...parts }] }],
  });
  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["a plan without a name", { plans: [{}] }, "plans[0].name PRICE_BOOK_FIELD_MISSING"],
    ["two plans of a name", { plans: [{ name: "p" }, { name: "p" }] }, "plans[1].name PRICE_BOOK_NAME_TWICE"],
    ["an unknown part", { plans: [{ name: "p", bonus: [] }] }, "plans[0].bonus PRICE_BOOK_FIELD_UNKNOWN"],
    ["an unknown unit", rate({ unit: "token" }), "plans[0].rates[0].unit PRICE_BOOK_CHOICE"],
    [
      "two prices",
      rate({ unit_price: "1", volume: [{ unit_price: "1" }] }),
      "plans[0].rates[0] PRICE_BOOK_PRICES",
    ],
    [
      "tiers that fall",
      rate({
        volume: [{ up_to: "2", unit_price: "1" }, { up_to: "2", unit_price: "1" }, { unit_price: "1" }],
      }),
      "plans[0].rates[0].volume PRICE_BOOK_TIERS",
    ],
    [
      "a last tier with an end",
      rate({ graduated: [{ up_to: "2", unit_price: "1" }] }),
      "plans[0].rates[0].graduated PRICE_BOOK_TIERS",
    ],
    [
      "hour 24",
      rate({ time_of_day: [{ hours: [24], factor: "1" }] }),
      "plans[0].rates[0].time_of_day[0].hours[0] PRICE_BOOK_HOUR_OF_DAY",
    ],
    [
      "an hour with two factors",
      rate({
        time_of_day: [
          { hours: [1], factor: "1" },
          { hours: [1], factor: "2" },
        ],
      }),
      "plans[0].rates[0].time_of_day PRICE_BOOK_HOUR_TWICE",
    ],
    [
      "an allowance of nothing",
      { plans: [{ name: "p", allowances: [{ name: "a", rate: "on_demand", quantity: "0" }] }] },
      "plans[0].allowances[0].quantity PRICE_BOOK_ZERO",
    ],
    [
      "an allowance on no rate",
      { plans: [{ name: "p", allowances: [{ name: "a", rate: "r", quantity: "1" }] }] },
      "plans[0].allowances[0].rate PRICE_BOOK_RATE_UNKNOWN",
    ],
    [
      "two commitments on a rate",
      {
        plans: [
          {
            name: "p",
            hourly_commitments: ["a", "b"].map((name) => ({
              name,
              rate: "on_demand",
              quantity: "1",
              unit_price: "1",
            })),
          },
        ],
      },
      "plans[0].hourly_commitments[1].rate PRICE_BOOK_RATE_TWICE",
    ],
    [
      "an adjustment of nothing",
      { plans: [{ name: "p", adjustments: [{ name: "a" }] }] },
      "plans[0].adjustments[0] PRICE_BOOK_ADJUSTMENT",
    ],
    [
      "a discount above 100 %",
      { plans: [{ name: "p", adjustments: [{ name: "a", percentage_discount: "100.5" }] }] },
      "plans[0].adjustments[0].percentage_discount PRICE_BOOK_PERCENT",
    ],
    [
      "a negative fee",
      { plans: [{ name: "p", flat_fees: [{ name: "f", amount: "-1" }] }] },
      "plans[0].flat_fees[0].amount PRICE_BOOK_NEGATIVE",
    ],
    [
      "a package of nothing",
      { prepaid: [{ ...OFFER, quantity: "0" }] },
      "prepaid[0].quantity PRICE_BOOK_ZERO",
    ],
    [
      "a package for no time",
      { prepaid: [{ ...OFFER, valid_hours: 0 }] },
      "prepaid[0].valid_hours PRICE_BOOK_NOT_A_COUNT",
    ],
  ])("are refused for %s", (_, parts, fault) => {
    expect(faultsOf(parts)).toEqual([fault]);
  });
});
