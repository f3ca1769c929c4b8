import { describe, expect, it } from "vitest";
import type { PriceBook } from "../../../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../../../services/domain/closing/usage.ts";
import { formatDecimal } from "../../../../services/domain/money/decimal.ts";
import { CHARGE_FACTORS, type ChargeFactor } from "../../../../services/domain/rating/charges.ts";
import { explain, type StoredCharge } from "../../../../services/domain/rating/explain.ts";
import { rate } from "../../../../services/domain/rating/rate.ts";
import { busyBook, demoBook, usageRow } from "../../../support/builders/price-books.ts";

const SECOND = 1_000_000_000n;
const MEASURED: Partial<UsageRow> = {
  gpu_busy_ns: 1_350n * SECOND,
  gpu_busy_known_ns: 2_700n * SECOND,
  gpu_busy_counter_ns: 2_700n * SECOND,
};

/** A charge as it comes from the tables. */
function stored(usage: Partial<UsageRow>, book: PriceBook): StoredCharge {
  const rated = rate(usageRow(usage), book);
  if (rated.kind !== "charged") throw new Error("no rate");
  const { charge } = rated;
  const factors = CHARGE_FACTORS.map((name) => [name, formatDecimal(charge[name])]);
  return {
    ...charge,
    ...(Object.fromEntries(factors) as { [name in ChargeFactor]: string }),
    gpu_time_ns: String(charge.gpu_time_ns),
    busy_ns: String(charge.busy_ns),
  };
}
const stepOf = (charge: StoredCharge, what: string) => explain(charge).find((step) => step.what === what);

describe("an explanation", () => {
  it("says elapsed and busy time, their ratio, and how busy time is known", () => {
    for (const book of [demoBook(), busyBook()]) {
      const busy = stepOf(stored(MEASURED, book), "busy");
      expect(busy?.value).toBe("0.625000000000");
      expect(busy?.how).toBe(
        "2250000000000 ns busy / 3600000000000 ns elapsed; of the GPU time 0.750000000000 by the card's counter, " +
          "0.000000000000 by samples, 0.250000000000 not measured and so elapsed",
      );
    }
  });

  it("of a charge from before busy time was kept claims none", () => {
    const shares = { busy_counter_share: "0", busy_sampled_share: "0", busy_elapsed_share: "0" };
    const old = { ...stored({}, demoBook()), ...shares, busy_ns: "0", busy_ratio: "0" };
    expect(stepOf(old, "busy")?.how).toBe("no busy time was kept when this was rated");
  });

  it("weighs what its formula weighs", () => {
    expect(stepOf(stored(MEASURED, demoBook()), "composite")?.how).toMatch(/^0\.600000000000 \+ 0\.2/);
    expect(stepOf(stored(MEASURED, demoBook()), "contention")?.how).toMatch(/within the book's bounds/);
    expect(stepOf(stored(MEASURED, busyBook()), "composite")?.how).toMatch(
      /^0\.500000000000 x busy \+ 0\.200000000000 as held \+ 0\.150000000000 x memory/,
    );
    expect(stepOf(stored(MEASURED, busyBook()), "contention")?.how).toMatch(/no factor of composite@2/);
  });
});
