// Quotes and the index by a book that weighs busy time. The hour of docs/PRICING.md: 1.59375 measured, 2.0625 where nothing
// measures, and 1.9375 by the book of composite@1.
import { describe, expect, it } from "vitest";
import { createLog } from "../../../services/adapters/log/log.ts";
import { computeIndexPoints } from "../../../services/billing/index/index-points.ts";
import { createFindMeasured } from "../../../services/billing/quotes/measured.ts";
import { findQuote } from "../../../services/billing/quotes/quotes.ts";
import type { PriceBook } from "../../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../../services/domain/closing/usage.ts";
import { salesOf } from "../../../services/domain/insight/compute-index.ts";
import type { HourSales } from "../../../services/domain/insight/index-sales.ts";
import { formatDecimal, ONE } from "../../../services/domain/money/decimal.ts";
import { rateHour } from "../../../services/domain/rating/charges.ts";
import { HOUR_MS, HOUR_S } from "../../../services/domain/time/hour.ts";
import { busyBook, demoBook, H100, usageRow } from "../../support/builders/price-books.ts";
import { publish } from "../../support/builders/tenant-hours.ts";
import { ManualClock } from "../../support/doubles/manual-clock.ts";
import { memoryHistory, sessionPart } from "../../support/doubles/memory-history.ts";
import { testApi } from "../../support/flows/pricing-api.ts";
import { publishBook } from "../../support/flows/tenant-api.ts";

const S = 1_000_000_000n;
/** Of 3,600 s the counter measured 2,700 s and found 1,350 s busy. */
const MEASURED = {
  gpu_busy_ns: 1_350n * S,
  gpu_busy_known_ns: 2_700n * S,
  gpu_busy_counter_ns: 2_700n * S,
};
const ENDED_MS = Date.parse("2026-11-23T10:20:00Z");
const SERVED = { model: "synthetic-7b", gpu_model: H100, mig_profile: "" };

async function quoted(book: PriceBook, parts: readonly Partial<UsageRow>[]) {
  const sessions = parts.map((part, index) => sessionPart(`s-${index}`, ENDED_MS, part));
  const history = memoryHistory({ sessions, usage: [], sales: [] });
  const log = createLog({ level: "silent", name: "test" });
  const find = createFindMeasured({ history, clock: new ManualClock(ENDED_MS + HOUR_MS), log });
  const hour = 0;
  const { quoted } = await findQuote(find, {
    ...{ served: SERVED, tenant_id: "tenant-01", project_id: null, requests: 2n },
    ...{ tokens_in: null, tokens_out: null, prices: { book: publish(book), plan: null, hour } },
  });
  if (quoted.kind !== "quoted") throw new Error(quoted.kind);
  return [quoted.expected, quoted.p50, quoted.p90].map(formatDecimal);
}

describe("a quote by a book of composite@2", () => {
  it("is what sessions like the measured ones would cost: the worked example, twice", async () => {
    const measured = Array.from({ length: 10 }, () => MEASURED);
    expect(await quoted(busyBook(), measured)).toEqual(Array(3).fill("3.187500000000"));
    expect(await quoted(demoBook(), measured)).not.toEqual(await quoted(busyBook(), measured));
  });

  it("takes sessions that nothing measured as busy for all of their time", async () => {
    // Six at 2.0625 and four at 1.59375: (12.375 + 6.375) / 10 x 2; the fifth and the ninth are not measured.
    const mixed = Array.from({ length: 10 }, (_, index) => (index < 6 ? {} : MEASURED));
    expect(await quoted(busyBook(), mixed)).toEqual(["3.750000000000", "4.125000000000", "4.125000000000"]);
  });
});

describe("the index across a change to composite@2", () => {
  const EIGHT = Date.parse("2026-11-23T08:00:00Z") / 1000;

  /** What three tenants bought in an hour, each the same, rated by a book. */
  function sold(at: number, book: PriceBook, row: Partial<UsageRow>) {
    const hour = EIGHT + at * HOUR_S;
    const tenants = ["a", "b", "c"];
    const { charges } = rateHour(
      tenants.map((tenant_id) => usageRow({ ...row, tenant_id })),
      book,
    );
    const [sales] = salesOf(hour, charges);
    const unit_time_ns = charges.reduce(
      (sum, it) => sum + (it.gpu_time_ns * it.composite * it.quality) / ONE,
      0n,
    );
    const rated: HourSales = {
      ...{ ...SERVED, hour, revision: 1, rating: 1, tenants },
      ...{ unit_time_ns, value: sales?.value ?? 0n },
    };
    return { ...rated, rated_at: (hour + 4_200) * 1_000 };
  }

  async function levels(sales: readonly ReturnType<typeof sold>[]) {
    const api = await testApi({ history: memoryHistory({ sessions: [], usage: [], sales }) });
    await publishBook(api, {});
    await computeIndexPoints(api.pricing);
    const url = "/v1/index?from=2026-11-23T00:00Z&to=2026-11-24T00:00Z&currency=USD&period=hour";
    const { body } = await api.ask("operator", { url });
    return body.items.map(({ level }) => level);
  }

  it("stays where the rate does: 1.59375 after 1.9375 is less of the same unit", async () => {
    expect(await levels([sold(0, demoBook(), {}), sold(1, busyBook(), MEASURED)])).toEqual([
      "100.000000000000",
      "100.000000000000",
    ]);
  });

  it("stays where nothing measures too: 2.0625 after 1.9375 is more of it", async () => {
    expect(await levels([sold(0, demoBook(), {}), sold(1, busyBook(), {})])).toEqual([
      "100.000000000000",
      "100.000000000000",
    ]);
  });
});
