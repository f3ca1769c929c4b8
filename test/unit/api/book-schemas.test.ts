import { readdirSync, readFileSync } from "node:fs";
import Value from "typebox/value";
import { describe, expect, it } from "vitest";
import { PriceBookShape } from "../../../services/api/routes/book-schemas.ts";
import { canonicalPriceBook, readPriceBook } from "../../../services/domain/books/price-book.ts";

const FOLDER = "docs/price-books";
const BOOKS = readdirSync(FOLDER).map((name) => JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf8")));
const [book] = BOOKS;
const PLANS = [
  {
    name: "p",
    rates: [
      { name: "r", unit: "gpu_hour", graduated: [{ up_to: "10", unit_price: "1" }, { unit_price: "0.5" }] },
    ],
    flat_fees: [{ name: "f", amount: "1" }],
    allowances: [{ name: "a", rate: "r", quantity: "3" }],
    hourly_commitments: [{ name: "h", rate: "r", quantity: "1", unit_price: "1", overage_factor: "1.5" }],
    adjustments: [{ name: "d", percentage_discount: "5" }],
  },
];
const PREPAID = [{ name: "c", unit: "currency", quantity: "10", price: "9", valid_hours: 24 }];

describe("the schema of a price book", () => {
  it.each([...BOOKS, { ...book, plans: PLANS, prepaid: PREPAID }])(
    "takes what is read as one (%#)",
    (document) => {
      const read = readPriceBook(document);
      expect(read).toMatchObject({ ok: true });
      expect(Value.Check(PriceBookShape, document)).toBe(true);
      if (read.ok) expect(Value.Check(PriceBookShape, JSON.parse(canonicalPriceBook(read.book)))).toBe(true);
    },
  );

  it.each([
    ["an unknown field", { ...book, other: 1 }],
    ["no cards", { ...book, gpus: [] }],
    ["no name", { ...book, name: undefined }],
    ["a number for an amount", { ...book, gpus: [{ ...book.gpus[0], rate_per_gpu_hour: 2.5 }] }],
    ["too many digits", { ...book, gpus: [{ ...book.gpus[0], rate_per_gpu_hour: "1.0000000000001" }] }],
    ["a factor above 4", { ...book, quality: { interruption: "4.1" } }],
    ["load for tenants", { ...book, phases: { ...book.phases, load: "tenant" } }],
    ["a weight too few", { ...book, gpus: [{ ...book.gpus[0], weights: { memory: "1" } }] }],
    ["an unknown formula", { ...book, formula: "composite@9" }],
    [
      "two adjustments in one",
      {
        ...book,
        plans: [{ name: "p", adjustments: [{ name: "d", fixed_discount: "1", percentage_discount: "1" }] }],
      },
    ],
  ])("refuses what is none: %s", (_what, document) => {
    const plain: unknown = JSON.parse(JSON.stringify(document));
    expect(readPriceBook(plain)).toMatchObject({ ok: false });
    expect(Value.Check(PriceBookShape, plain)).toBe(false);
  });
});
