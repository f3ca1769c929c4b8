import { readFileSync } from "node:fs";
import { type PriceBook, readPriceBook } from "../../../services/domain/books/price-book.ts";
import { type UsageRow, usageSums } from "../../../services/domain/closing/usage.ts";

export const H100 = "NVIDIA H100 80GB HBM3";

const BOOK_FILE = new URL("../../../docs/price-books/2026-h100.json", import.meta.url);

/** The demo's price book as parsed JSON, a fresh copy on every call. */
export function bookDocument(): Record<string, unknown> {
  return JSON.parse(readFileSync(BOOK_FILE, "utf8"));
}

export function demoBook(): PriceBook {
  const read = readPriceBook(bookDocument());
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return read.book;
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
