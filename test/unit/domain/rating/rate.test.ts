import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PriceBook } from "../../../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../../../services/domain/closing/usage.ts";
import { formatDecimal, ONE } from "../../../../services/domain/money/decimal.ts";
import { type Charge, rate } from "../../../../services/domain/rating/rate.ts";
import { demoBook, usageRow } from "../../../support/builders/price-books.ts";

const HOUR_NS = 3_600_000_000_000n;

function charged(changes: Partial<UsageRow> = {}, book: PriceBook = demoBook()): Charge {
  const rated = rate(usageRow(changes), book);
  if (rated.kind !== "charged") throw new Error("no rate");
  return rated.charge;
}

describe("the worked examples of the price list", () => {
  it("half the memory, half the power, no NVLink: 0.775 of an hour at 2.50", () => {
    const charge = charged();
    expect(formatDecimal(charge.memory_ratio)).toBe("0.500000000000");
    expect(formatDecimal(charge.power_ratio)).toBe("0.500000000000");
    expect(formatDecimal(charge.nvlink_ratio)).toBe("0.000000000000");
    expect(formatDecimal(charge.composite)).toBe("0.775000000000");
    expect(formatDecimal(charge.quality)).toBe("1.000000000000");
    expect(formatDecimal(charge.charge)).toBe("1.937500000000");
  });

  it("shared by time slicing and busy for 0.9 of it: quality 0.72", () => {
    const charge = charged({
      sharing: "timeslice",
      gpu_busy_ns: (HOUR_NS * 9n) / 10n,
      gpu_busy_known_ns: HOUR_NS,
    });
    expect(formatDecimal(charge.quality)).toBe("0.720000000000");
    expect(formatDecimal(charge.charge)).toBe("1.395000000000");
  });

  it("1,000 s, then 2,600 s more, then 600 s less: the difference is -0.322916666667", () => {
    const during = (seconds: bigint) =>
      charged({
        gpu_time_ns: seconds * 1_000_000_000n,
        memory_time_byte_ns: seconds * 1_000_000_000n * 42_949_672_960n,
        energy_uj: seconds * 350_000_000n,
      }).charge;
    expect(formatDecimal(during(3_600n))).toBe("1.937500000000");
    expect(formatDecimal(during(3_000n) - during(3_600n))).toBe("-0.322916666667");
  });
});

describe("each term", () => {
  const cases: [string, Partial<UsageRow>, keyof Charge, string][] = [
    [
      "NVLink counts both directions",
      { nvlink_tx_bytes: 1_620n * 10n ** 12n, nvlink_rx_bytes: 0n },
      "nvlink_ratio",
      "0.500000000000",
    ],
    [
      "peak over average less 1",
      { power_avg_time_mw_ns: 400n, power_peak_time_mw_ns: 500n },
      "fluctuation",
      "0.250000000000",
    ],
    [
      "a peak below the average is none",
      { power_avg_time_mw_ns: 500n, power_peak_time_mw_ns: 400n },
      "fluctuation",
      "0.000000000000",
    ],
    ["unknown power", {}, "fluctuation", "0.000000000000"],
    ["an error is not charged", { outcome: "error" }, "charge", "0.000000000000"],
    ["interruption", { outcome: "interrupted" }, "quality_interruption", "0.500000000000"],
    [
      "busy below the bound",
      { gpu_busy_ns: 1n, gpu_busy_known_ns: 10n },
      "quality_contention",
      "0.500000000000",
    ],
    [
      "busy above elapsed",
      { gpu_busy_ns: 11n, gpu_busy_known_ns: 10n },
      "quality_contention",
      "1.000000000000",
    ],
    ["busy unknown", {}, "quality_contention", "1.000000000000"],
    ["no time, no charge", { gpu_time_ns: 0n }, "charge", "0.000000000000"],
    ["a third of an hour", { gpu_time_ns: 1_200_000_000_000n }, "gpu_hours", "0.333333333333"],
  ];
  it.each(cases)("%s", (_name, changes, term, value) => {
    expect(formatDecimal(charged(changes)[term] as bigint)).toBe(value);
  });

  it("load and warm-up go to the operator's account, inference to the tenant", () => {
    expect(charged({ phase: "load" })).toMatchObject({ payer: "operator", billed_to: "operator" });
    expect(charged({ phase: "warmup" })).toMatchObject({ payer: "operator", billed_to: "operator" });
    expect(charged()).toMatchObject({ payer: "tenant", billed_to: "tenant-01" });
  });

  it("a card without a price waits", () => {
    const row = usageRow({ gpu_model: "NVIDIA B300" });
    expect(rate(row, demoBook())).toEqual({ kind: "no_rate", row });
    expect(rate(usageRow({ mig_profile: "3g.40gb" }), demoBook()).kind).toBe("no_rate");
  });

  it("a factor that no book can have is a fault of the program", () => {
    expect(() => rate(usageRow({ outcome: "none" }), demoBook())).toThrow(/no factor/);
  });
});

describe("properties", () => {
  const row = fc
    .record({
      gpu_time_ns: fc.bigInt({ min: 0n, max: 10n ** 16n }),
      memory_time_byte_ns: fc.bigInt({ min: 0n, max: 10n ** 27n }),
      energy_uj: fc.bigInt({ min: 0n, max: 10n ** 16n }),
      nvlink_tx_bytes: fc.bigInt({ min: 0n, max: 10n ** 16n }),
      gpu_busy_ns: fc.bigInt({ min: 0n, max: 10n ** 16n }),
      gpu_busy_known_ns: fc.bigInt({ min: 0n, max: 10n ** 16n }),
      sharing: fc.constantFrom("exclusive", "mps", "timeslice"),
      outcome: fc.constantFrom("ok", "error", "timeout", "cancelled", "interrupted"),
    })
    .map(usageRow);

  it("the shown terms give the shown charge, within one unit of the last digit of the GPU-hours' product", () => {
    fc.assert(
      fc.property(row, (usage) => {
        const shown = rate(usage, demoBook());
        if (shown.kind !== "charged") throw new Error("no rate");
        const { rate_per_gpu_hour, composite, quality, charge, gpu_time_ns } = shown.charge;
        const exact = gpu_time_ns * rate_per_gpu_hour * composite * quality;
        const off = exact - charge * HOUR_NS * ONE * ONE;
        expect(2n * (off < 0n ? -off : off) <= HOUR_NS * ONE * ONE).toBe(true);
      }),
    );
  });

  it("is never negative, and twice the usage is twice the charge to the last digit but one", () => {
    fc.assert(
      fc.property(row, (usage) => {
        const once = charged(usage).charge;
        const sums = ["gpu_time_ns", "memory_time_byte_ns", "energy_uj", "nvlink_tx_bytes"] as const;
        const doubled = Object.fromEntries(sums.map((name) => [name, usage[name] * 2n]));
        const twice = charged({ ...usage, ...doubled }).charge;
        expect(once >= 0n).toBe(true);
        const off = twice - 2n * once;
        expect(off >= -1n && off <= 1n).toBe(true);
      }),
    );
  });
});
