import { type PriceBook, readPriceBook } from "../../../services/domain/books/price-book.ts";
import { bookDocument } from "./price-books.ts";

/** The demo's price book with parts replaced or added. */
export function bookWith(parts: Readonly<Record<string, unknown>>): PriceBook {
  const read = readPriceBook({ ...bookDocument(), ...parts });
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return read.book;
}

/** The demo's price book with one plan, named "plan". */
export function bookWithPlan(
  plan: Readonly<Record<string, unknown>>,
  parts: Readonly<Record<string, unknown>> = {},
) {
  return bookWith({ plans: [{ name: "plan", ...plan }], ...parts });
}

/** A plan that has every part there is. */
export const FULL_PLAN = {
  name: "scale",
  rates: [
    {
      name: "h100",
      gpu_models: ["NVIDIA H100 80GB HBM3"],
      models: ["synthetic-7b"],
      unit: "composite_gpu_hour",
      graduated: [{ up_to: "10", unit_price: "2.50" }, { unit_price: "2.00" }],
      time_of_day: [{ hours: [22, 23, 0], factor: "0.5" }],
    },
    { name: "flat", unit: "gpu_hour", unit_price: "3" },
    { name: "all", unit: "gpu_hour", volume: [{ up_to: "1", unit_price: "4" }, { unit_price: "1" }] },
  ],
  flat_fees: [{ name: "platform", amount: "20" }],
  allowances: [{ name: "free", rate: "h100", quantity: "1" }],
  hourly_commitments: [
    { name: "reserved", rate: "h100", quantity: "0.25", unit_price: "1.80", overage_factor: "1.2" },
  ],
  adjustments: [
    { name: "deal", percentage_discount: "10" },
    { name: "voucher", fixed_discount: "5" },
    { name: "floor", minimum_commitment: "50" },
  ],
} as const;
