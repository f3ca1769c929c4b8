// Chapter 7: usage is rated.
//
// A price book says what a GPU-hour of a card costs and how memory, power and NVLink weigh in it. A charge is
//
//   GPU-hours x rate x composite x quality
//
// in decimals of twelve digits: no float, one rounding for each number, and every one of them kept on the charge.
// So a charge can be worked out again with paper and pencil, and comes out the same on any machine.
import { expect, it } from "vitest";
import { readPriceBook } from "../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../services/domain/closing/usage.ts";
import { formatDecimal } from "../../services/domain/money/decimal.ts";
import { type Charge, rate } from "../../services/domain/rating/rate.ts";
import { bookDocument, demoBook, usageRow } from "../support/builders/price-books.ts";

function charged(usage: UsageRow): Charge {
  const rated = rate(usage, demoBook());
  if (rated.kind !== "charged") throw new Error("the book has no price for this card");
  return rated.charge;
}

/** Terms of a charge in print. */
const termsOf = (charge: Charge, ...terms: readonly (keyof Charge)[]): string[] =>
  terms.map((term) => formatDecimal(charge[term] as bigint));

it("rates one hour of an H100 at half its memory and half its power", () => {
  const charge = charged(usageRow());
  expect(termsOf(charge, "gpu_hours", "rate_per_gpu_hour")).toEqual(["1.000000000000", "2.500000000000"]);
  expect(termsOf(charge, "memory_ratio", "power_ratio", "nvlink_ratio")).toEqual([
    "0.500000000000",
    "0.500000000000",
    "0.000000000000",
  ]);
  // 0.60 for time + 0.20 x 0.5 for memory + 0.15 x 0.5 for power + 0.05 x 0 for NVLink
  expect(termsOf(charge, "composite", "quality")).toEqual(["0.775000000000", "1.000000000000"]);
  // 1 h x 2.50 x 0.775 x 1
  expect(termsOf(charge, "charge")).toEqual(["1.937500000000"]);
});

it("charges less for a card that was shared, and nothing for what failed", () => {
  expect(termsOf(charged(usageRow({ sharing: "timeslice" })), "quality", "charge")).toEqual([
    "0.800000000000",
    "1.550000000000",
  ]);
  expect(termsOf(charged(usageRow({ outcome: "error" })), "quality", "charge")).toEqual([
    "0.000000000000",
    "0.000000000000",
  ]);
});

it("lets the operator pay for loading the model", () => {
  expect(charged(usageRow({ phase: "load" }))).toMatchObject({ payer: "operator", billed_to: "operator" });
});

it("keeps what the price rests on: how the time was shared among requests", () => {
  expect(charged(usageRow()).apportionments).toEqual(["equal@1"]);
});

it("lets usage wait for a price rather than guess one", () => {
  expect(rate(usageRow({ gpu_model: "NVIDIA B200" }), demoBook()).kind).toBe("no_rate");
});

it("refuses a faulty price book with every fault at once", () => {
  const faulty = { ...bookDocument(), currency: "dollars", surcharge: "0.10" };
  expect(readPriceBook(faulty)).toMatchObject({
    ok: false,
    faults: [{ code: "PRICE_BOOK_FIELD_UNKNOWN" }, { code: "PRICE_BOOK_CURRENCY" }],
  });
});
