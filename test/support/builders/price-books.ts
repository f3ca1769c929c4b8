// The demo's price book, as it is and with other parts, a plan that has every part, and usage that it prices.
import { readFileSync } from "node:fs";
import { type PriceBook, readPriceBook } from "../../../services/domain/books/price-book.ts";
import { type UsageRow, usageSums } from "../../../services/domain/closing/usage.ts";

export const H100 = "NVIDIA H100 80GB HBM3";

const BOOK_FILE = new URL("../../../docs/price-books/2026-h100.json", import.meta.url);

const BUSY_BOOK_FILE = new URL("../../../docs/price-books/2027-h100-busy.json", import.meta.url);

/** The demo's price book as parsed JSON, a fresh copy on every call. */
export function bookDocument(): Record<string, unknown> {
  return JSON.parse(readFileSync(BOOK_FILE, "utf8"));
}

export function demoBook(): PriceBook {
  return bookWith({});
}

/** The demo's price book with parts replaced or added. */
export function bookWith(parts: Readonly<Record<string, unknown>>): PriceBook {
  const read = readPriceBook({ ...bookDocument(), ...parts });
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return read.book;
}

/** The price book of composite@2 as parsed JSON, a fresh copy on every call. */
export function busyBookDocument(): Record<string, unknown> {
  return JSON.parse(readFileSync(BUSY_BOOK_FILE, "utf8"));
}

export function busyBook(): PriceBook {
  const read = readPriceBook(busyBookDocument());
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return read.book;
}

/** The demo's price book with one plan, named "plan". */
export function bookWithPlan(
  plan: Readonly<Record<string, unknown>>,
  parts: Readonly<Record<string, unknown>> = {},
): PriceBook {
  return bookWith({ plans: [{ name: "plan", ...plan }], ...parts });
}

/** One hour of an H100 with half its memory and half its power: the worked example of the price list. */
export function usageRow(changes: Partial<UsageRow> = {}): UsageRow {
  return {
    tenant_id: "tenant-01",
    project_id: "project-1",
    model: "synthetic-7b",
    model_version: "1",
    gpu_model: H100,
    mig_profile: "",
    sharing: "exclusive",
    phase: "inference",
    outcome: "ok",
    ...usageSums(() => 0n),
    events: 1n,
    gpu_time_ns: 3_600_000_000_000n,
    memory_time_byte_ns: 3_600_000_000_000n * 42_949_672_960n,
    energy_uj: 1_260_000_000_000n,
    apportionments: ["equal@1"],
    ...changes,
  };
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
