// The worked examples of the price list, to the digit.
import { describe, expect, it } from "vitest";
import { formatDecimal } from "../../../../services/domain/money/decimal.ts";
import {
  DECEMBER,
  input,
  invoiceOf,
  lineSummaries,
  NOVEMBER,
  packageOf,
  secondsOfUsage,
  settlementOf,
  tenantHour,
} from "../../../support/builders/tenant-hours.ts";

describe("an hour of an H100 at 2.50 USD with half its memory and half its power", () => {
  it("has composite 0.775 and costs 1.937500000000", () => {
    const { invoice, statements } = settlementOf(input({ hours: [tenantHour(10, [secondsOfUsage(3600)])] }));
    expect(lineSummaries(invoice)).toEqual(["usage on_demand 0.775000000000 1.937500000000"]);
    expect(invoice?.total).toBe(1_940_000_000_000n);
    const [charge] = statements[0]?.allocations.map((allocation) => allocation.charge) ?? [];
    expect(formatDecimal(charge?.composite ?? 0n)).toBe("0.775000000000");
  });

  it("costs 1.395000000000 shared by time slicing and nine tenths busy", () => {
    const row = secondsOfUsage(3600, {
      sharing: "timeslice",
      gpu_busy_ns: 3_240_000_000_000n,
      gpu_busy_known_ns: 3_600_000_000_000n,
    });
    const { invoice } = settlementOf(input({ hours: [tenantHour(10, [row])] }));
    expect(lineSummaries(invoice)).toEqual(["usage on_demand 0.558000000000 1.395000000000"]);
  });

  it("takes 0.5 from a package that has 0.5 left, and costs 0.687500000000 for 0.275 on demand", () => {
    const prepaid = [packageOf()];
    const { invoice, closing } = settlementOf(
      input({ hours: [tenantHour(10, [secondsOfUsage(3600)])], prepaid }),
    );
    expect(lineSummaries(invoice)).toEqual([
      "usage on_demand 0.275000000000 0.687500000000",
      "package package-1 0.500000000000 0.000000000000",
    ]);
    expect(closing.get("package-1")).toBe(500_000_000_000n);
  });

  it("found in three revisions is invoiced once and then corrected by -0.322916666667", () => {
    const first = tenantHour(10, [secondsOfUsage(1000)]);
    const second = tenantHour(10, [secondsOfUsage(3600)], undefined, 2);
    const third = tenantHour(10, [secondsOfUsage(3000)], undefined, 3);
    const draft = settlementOf(input({ hours: [first] })).invoice;
    const redrawn = settlementOf(input({ hours: [first, second] })).invoice;
    expect(redrawn?.invoice_id).toBe(draft?.invoice_id);
    const issued = invoiceOf(redrawn, 1n);
    expect(formatDecimal(issued.amount)).toBe("1.937500000000");

    const next = settlementOf(
      input({ periods: [NOVEMBER, DECEMBER], hours: [second, third, first], invoices: [issued] }),
    ).invoice;
    expect(settlementOf(input({ hours: [second, third, first] })).rests_on).toEqual([
      { hour: third.hour, revision: 3, price_book: third.price_book },
    ]);
    expect(lineSummaries(next)).toEqual(["usage on_demand -0.129166666667 -0.322916666667"]);
    expect(next?.lines[0]?.reference).toEqual({
      invoice_id: issued.invoice_id,
      line_id: issued.lines[0]?.line_id,
    });
  });
});
