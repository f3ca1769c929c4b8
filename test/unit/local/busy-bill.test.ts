import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPriceBook } from "../../../services/domain/books/price-book.ts";
import { formatDecimal } from "../../../services/domain/money/decimal.ts";
import { rate } from "../../../services/domain/rating/rate.ts";
import { eventsSince, secondsText } from "../../../services/local/demo/account.ts";
import { byElapsedTime, type PriceBookJson } from "../../../services/local/demo/busy-bill.ts";
import { usageRow } from "../../support/builders/price-books.ts";

const BOOK = JSON.parse(
  readFileSync(new URL("../../../docs/price-books/2027-h100-busy.json", import.meta.url), "utf8"),
) as PriceBookJson;

function charged(book: PriceBookJson, gpu_busy_ns: bigint): string {
  const read = readPriceBook(book);
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  const gpu_busy_known_ns = 3_600_000_000_000n;
  const rated = rate(usageRow({ gpu_busy_ns, gpu_busy_known_ns }), read.book);
  return rated.kind === "charged" ? formatDecimal(rated.charge.charge) : "no rate";
}

describe("byElapsedTime", () => {
  it("prices an hour as if the card had worked for all of it, whatever it worked", () => {
    // 1/2 + 1/5 + 3/40 + 1/20 = 33/40 (docs/PRICING.md)
    expect(charged(byElapsedTime(BOOK), 360_000_000_000n)).toBe("2.062500000000");
    expect(charged(BOOK, 3_600_000_000_000n)).toBe("2.062500000000");
    // a tenth of it busy: 1/20 + 1/5 + 3/40 + 1/20 = 3/8
    expect(charged(BOOK, 360_000_000_000n)).toBe("0.937500000000");
  });
});

it("eventsSince is what has become of records after an account", () => {
  const before = { received: 10, counted: 6, duplicate: 2, conflict: 1, rejected: 1 };
  const now = { received: 15, counted: 9, duplicate: 3, conflict: 1, rejected: 2 };
  expect(eventsSince(before, now)).toEqual({
    received: 5,
    counted: 3,
    duplicate: 1,
    conflict: 0,
    rejected: 1,
  });
});

it("secondsText keeps every nanosecond", () => {
  expect(["0", "5", "1000000001"].map(secondsText)).toEqual([
    "0.000000000 s",
    "0.000000005 s",
    "1.000000001 s",
  ]);
});
