import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PriceBook, priceOf } from "../../../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../../../services/domain/closing/usage.ts";
import { formatDecimal, ONE } from "../../../../services/domain/money/decimal.ts";
import { chargeDifferences } from "../../../../services/domain/rating/charge-differences.ts";
import { chargesText } from "../../../../services/domain/rating/charges.ts";
import { type Charge, compositeMax, rate } from "../../../../services/domain/rating/rate.ts";
import { busyBook, demoBook, usageRow } from "../../../support/builders/price-books.ts";

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

describe("composite@2: 0.50 busy + 0.20 held + 0.15 memory + 0.10 power + 0.05 NVLink", () => {
  const second = 1_000_000_000n;
  const charge = (changes: Partial<UsageRow>) => charged(changes, busyBook());

  it("an hour, 2,700 s of it counted and busy for half of them: 51/80 of an hour at 2.50", () => {
    // busy: 1,350 s counted, and 900 s that nothing measured: 2,250 / 3,600 = 5/8
    // 1/2 x 5/8 + 1/5 + 3/20 x 1/2 + 1/10 x 1/2 = (25 + 16 + 6 + 4) / 80 = 51/80; x 5/2 = 51/32
    const it = charge({
      gpu_busy_ns: 1_350n * second,
      gpu_busy_known_ns: 2_700n * second,
      gpu_busy_counter_ns: 2_700n * second,
    });
    expect(it.busy_ns).toBe(2_250n * second);
    expect(formatDecimal(it.busy_ratio)).toBe("0.625000000000");
    expect(formatDecimal(it.composite)).toBe("0.637500000000");
    expect(formatDecimal(it.charge)).toBe("1.593750000000");
    const shares = [it.busy_counter_share, it.busy_sampled_share, it.busy_elapsed_share];
    expect(shares.map(formatDecimal)).toEqual(["0.750000000000", "0.000000000000", "0.250000000000"]);
  });

  it("busy for a third of it: each shown term is rounded once, half to even", () => {
    // 1/2 x 0.333333333333 = 0.1666666666665, + 0.325 = 0.4916666666665, and so 0.491666666666; x 2.50
    const it = charge({ gpu_busy_ns: 1_200n * second, gpu_busy_known_ns: HOUR_NS });
    expect(formatDecimal(it.busy_ratio)).toBe("0.333333333333");
    expect(formatDecimal(it.composite)).toBe("0.491666666666");
    expect(formatDecimal(it.charge)).toBe("1.229166666665");
    expect(formatDecimal(it.busy_sampled_share)).toBe("1.000000000000");
  });

  it("nothing measured: elapsed time is busy time, and says so", () => {
    const it = charge({});
    expect(it.busy_ns).toBe(HOUR_NS);
    // 1/2 + 1/5 + 3/40 + 1/20 = 33/40
    expect(formatDecimal(it.composite)).toBe("0.825000000000");
    expect(formatDecimal(it.busy_elapsed_share)).toBe("1.000000000000");
  });

  it("overlapping streams: busier than the card was held", () => {
    // 1/2 x 5/4 + 13/40 = 19/20
    const it = charge({ gpu_busy_ns: 4_500n * second, gpu_busy_known_ns: HOUR_NS });
    expect(formatDecimal(it.busy_ratio)).toBe("1.250000000000");
    expect(formatDecimal(it.composite)).toBe("0.950000000000");
  });

  it("contention is no factor of quality, and idle cards cost what they are held for", () => {
    const it = charge({ gpu_busy_ns: 0n, gpu_busy_known_ns: HOUR_NS });
    expect(formatDecimal(it.quality_contention)).toBe("1.000000000000");
    expect(formatDecimal(it.quality)).toBe("1.000000000000");
    expect(formatDecimal(it.composite)).toBe("0.325000000000");
  });

  it("shares add up to 1 to the last digit, whatever they are", () => {
    const times = fc.tuple(fc.nat(10_000), fc.nat(10_000), fc.integer({ min: 1, max: 10_000 }));
    fc.assert(
      fc.property(times, ([counter, sampled, elapsed]) => {
        const it = charge({
          gpu_time_ns: BigInt(counter + sampled + elapsed),
          gpu_busy_known_ns: BigInt(counter + sampled),
          gpu_busy_counter_ns: BigInt(counter),
        });
        expect(it.busy_counter_share + it.busy_sampled_share + it.busy_elapsed_share).toBe(ONE);
        expect(it.busy_elapsed_share >= 0n).toBe(true);
      }),
    );
  });
});

describe("charges of an hour", () => {
  const hash = "b".repeat(64);

  it("of composite@1 are hashed as they were before busy time was kept", () => {
    const charges = [charged()];
    const text = chargesText({ hash, formula: "composite@1" }, charges);
    expect(createHash("sha256").update(text).digest("hex")).toBe(GOLDEN);
    const old = charges.map((it) => ({ ...it, busy_ns: 0n, busy_ratio: 0n, busy_elapsed_share: 0n }));
    expect(chargesText({ hash, formula: "composite@1" }, old)).toBe(text);
    expect(chargeDifferences(old, [""], charges)).toEqual([]);
  });

  it("of composite@2 are hashed with busy time, and any change of it is a difference", () => {
    const charge = charged({}, busyBook());
    const text = (it: Charge) => chargesText({ hash, formula: "composite@2" }, [it]);
    expect(text(charge).startsWith('["meterhouse-charges/2"')).toBe(true);
    for (const term of [
      "busy_ns",
      "busy_ratio",
      "busy_counter_share",
      "weight_busy",
      "weight_held",
    ] as const) {
      const other = { ...charge, [term]: charge[term] + 1n };
      expect(text(other)).not.toBe(text(charge));
      expect(chargeDifferences([other], ["1"], [charge]).map(({ field }) => field)).toEqual([term]);
    }
  });
});

/** Of one charge, by the code before composite@2; a change means that old ratings can no longer be verified. */
const GOLDEN = "ae3a6bbc3b7664cde1b7a3edeb3762b7b28c798de5b1debefc627edd7d45f092";

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

  /** Peaks beside averages, and GPU time of next to nothing. */
  const anyRow = fc
    .tuple(row, fc.bigInt({ min: 0n, max: 10n ** 27n }), fc.bigInt({ min: 0n, max: 10n ** 30n }))
    .chain(([usage, avg, peak]) =>
      fc.oneof(fc.constant(usage.gpu_time_ns), fc.bigInt({ min: 1n, max: 1_000n })).map((gpu_time_ns) => ({
        ...usage,
        gpu_time_ns,
        power_avg_time_mw_ns: avg,
        power_peak_time_mw_ns: peak,
      })),
    );
  const weightsOf = (book: PriceBook) => {
    const price = priceOf(book, usageRow());
    if (price === null) throw new Error("no price");
    return price.weights;
  };

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

  it("has a composite of at most what its weights allow, on both sides of each ratio's bound", () => {
    // 60 % time, 20 % memory, 15 % power, 5 % NVLink: 0.6 + 2 x 0.4
    expect(formatDecimal(compositeMax(weightsOf(demoBook())))).toBe("1.400000000000");
    // 50 % busy, 20 % held, 15 % memory, 10 % power, 5 % NVLink: 8 x 0.5 + 0.2 + 2 x 0.3
    expect(formatDecimal(compositeMax(weightsOf(busyBook())))).toBe("4.800000000000");
    fc.assert(
      fc.property(anyRow, fc.constantFrom(demoBook(), busyBook()), (usage, book) => {
        const it = charged(usage, book);
        expect(it.composite <= compositeMax(weightsOf(book))).toBe(true);
        const cost = it.gpu_hours * it.rate_per_gpu_hour * compositeMax(weightsOf(book));
        // hours, rate and composite have 12 digits each; half a digit of the hours may be lost
        expect(it.charge * ONE * ONE <= cost + 2n * it.rate_per_gpu_hour * ONE * ONE).toBe(true);
      }),
    );
  });

  it.each([
    ["busy_ratio", 8n, (n: bigint) => ({ gpu_busy_ns: n * HOUR_NS, gpu_busy_known_ns: HOUR_NS })],
    ["memory_ratio", 2n, (n: bigint) => ({ memory_time_byte_ns: n * HOUR_NS * 85_899_345_920n })],
    ["power_ratio", 2n, (n: bigint) => ({ energy_uj: n * 2_520_000_000_000n })],
    ["nvlink_ratio", 2n, (n: bigint) => ({ nvlink_tx_bytes: n * 3_240n * 10n ** 12n })],
    [
      "fluctuation",
      9n,
      (n: bigint) => ({ power_avg_time_mw_ns: 100n, power_peak_time_mw_ns: 100n * (n + 1n) }),
    ],
  ] as const)("%s counts up to %d and no more", (term, most, usage) => {
    expect(charged(usage(most - 1n))[term]).toBe((most - 1n) * ONE);
    expect(charged(usage(most))[term]).toBe(most * ONE);
    expect(charged(usage(most + 1n))[term]).toBe(most * ONE);
    expect(charged(usage(10n ** 9n))[term]).toBe(most * ONE);
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
