import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PriceBook, readPriceBook } from "../../../../services/domain/books/price-book.ts";
import { largestDifferences, sumOfComparisons, whatIf } from "../../../../services/domain/insight/what-if.ts";
import { formatDecimal } from "../../../../services/domain/money/decimal.ts";
import { bookDocument, bookWith, busyBookDocument, H100 } from "../../../support/builders/price-books.ts";
import {
  hourAt,
  inputWithPlan,
  publish,
  secondsOfUsage,
  TENANT,
} from "../../../support/builders/tenant-hours.ts";

const [CARD] = bookDocument()["gpus"] as [Record<string, unknown>];
const withPlan = (plan: object, parts: object = {}) =>
  bookWith({ plans: [{ name: "plan", ...plan }], ...parts });
const BOOK = withPlan({});

function compare(candidate: PriceBook, rows = [secondsOfUsage(3600)]) {
  const { hours, invoices, ...input } = inputWithPlan(publish(BOOK), {});
  const usage = [{ hour: hourAt(5), revision: 1, rows }];
  return whatIf({ ...input, usage, candidate: publish(candidate) });
}

const difference = (result: ReturnType<typeof compare>) =>
  result.ok ? formatDecimal(result.total.difference) : result.faults.map(({ code }) => code);

describe("whatIf", () => {
  it("finds no difference between a book and itself", () => {
    expect(compare(BOOK)).toMatchObject({
      ok: true,
      total: { difference: 0n },
      unrated: { before: 0, after: 0 },
    });
  });

  it("tells the difference by line, whatever hour the candidate is to take effect from", () => {
    const dearer = withPlan(
      { flat_fees: [{ name: "platform", amount: "10" }] },
      { gpus: [{ ...CARD, rate_per_gpu_hour: "5" }], effective_from: "2027-06-01T00:00:00Z" },
    );
    const result = compare(dearer);
    expect(difference(result)).toBe("11.937500000000");
    const lines = result.ok
      ? result.lines.map((line) => [line.kind, line.gpu_model, formatDecimal(line.difference)])
      : [];
    expect(lines).toEqual([
      ["flat_fee", "", "10.000000000000"],
      ["usage", H100, "1.937500000000"],
    ]);
  });

  it("takes a candidate that weighs busy time", () => {
    // composite@1: 0.775; composite@2 of an hour that nothing measured: 33/40; 2.50 x (0.825 - 0.775)
    const busy = readPriceBook({ ...busyBookDocument(), plans: [{ name: "plan" }] });
    if (!busy.ok) throw new Error(JSON.stringify(busy.faults));
    expect(difference(compare(busy.book))).toBe("0.125000000000");
    // busy for half of it, as its card counted, which composite@1 bounds at 0.5: 0.575 - 0.775 x 0.5
    const row = secondsOfUsage(3600);
    const measured = {
      ...row,
      gpu_busy_ns: row.gpu_time_ns / 2n,
      gpu_busy_known_ns: row.gpu_time_ns,
      gpu_busy_counter_ns: row.gpu_time_ns,
    };
    expect(difference(compare(busy.book, [measured]))).toBe("0.468750000000");
  });

  it("says what the candidate has no price for", () => {
    const other = withPlan({}, { gpus: [{ ...CARD, gpu_model: "B200" }] });
    expect(compare(other)).toMatchObject({ total: { after: 0n }, unrated: { before: 0, after: 1 } });
  });

  it("refuses a candidate without the tenant's plan, or in another currency", () => {
    expect(difference(compare(bookWith({})))).toEqual(["SETTLEMENT_PLAN_UNKNOWN"]);
    expect(difference(compare(withPlan({}, { currency: "EUR" })))).toEqual(["SETTLEMENT_CURRENCY"]);
    expect(difference(compare(BOOK, [secondsOfUsage(1, { tenant_id: `${TENANT}x` })]))).toEqual([
      "SETTLEMENT_TENANT",
    ]);
  });
});

describe("largestDifferences", () => {
  it("keeps the sums, and shows no line that differs less than one it leaves out", () => {
    const amount = fc.bigInt({ min: -1_000n, max: 1_000n });
    const line = fc.tuple(amount, amount).map(([before, after]) => ({
      ...{ kind: "usage" as const, name: "", project_id: "", model: "", gpu_model: "", mig_profile: "" },
      ...{ before, after, difference: after - before },
    }));
    const lines = fc.array(line);
    fc.assert(
      fc.property(lines, fc.nat(20), (own, most) => {
        const { lines: largest, others } = largestDifferences(own, most);
        expect(largest.length + others.count).toBe(own.length);
        const { before, after, difference } = sumOfComparisons(own);
        expect(sumOfComparisons([...largest, others])).toEqual({ before, after, difference });
        const size = (value: bigint) => (value < 0n ? -value : value);
        const left = own.filter((it) => !largest.includes(it));
        for (const other of left) {
          expect(largest.every((it) => size(it.difference) >= size(other.difference))).toBe(true);
        }
        expect(largest).toEqual(own.filter((it) => largest.includes(it)));
      }),
    );
  });
});
