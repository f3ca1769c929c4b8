import { describe, expect, it } from "vitest";
import { invoiceDifferences } from "../../../../services/domain/billing/invoice-differences.ts";
import {
  input,
  invoiceOf,
  secondsOfUsage,
  settlementOf,
  tenantHour,
} from "../../../support/builders/tenant-hours.ts";

const given = (seconds: number) =>
  settlementOf(
    input({ hours: [tenantHour(1, [secondsOfUsage(seconds), secondsOfUsage(60, { project_id: "other" })])] }),
  ).invoice;
const issued = invoiceOf(given(3600), 1n);
const own = issued.lines.find(({ project_id }) => project_id === "project-1")?.line_id;

describe("invoiceDifferences", () => {
  it("finds none where the same usage is settled again", () => {
    expect(invoiceDifferences(issued, given(3600))).toEqual([]);
  });

  it("names the line and the fields that differ", () => {
    const found = invoiceDifferences(issued, given(3599)).map(({ line_id, field }) => [line_id, field]);
    expect(found).toEqual([
      ["", "amount"],
      [own, "gpu_time_ns"],
      [own, "quantity"],
      [own, "amount"],
    ]);
  });

  it("names lines that only one of them has, also when nothing is left", () => {
    const without = { ...issued, lines: issued.lines.filter(({ line_id }) => line_id !== own) };
    expect(invoiceDifferences(issued, without)).toEqual([
      { line_id: own, field: "line", invoiced: own, recomputed: "" },
    ]);
    expect(invoiceDifferences(without, issued)).toEqual([
      { line_id: own, field: "line", invoiced: "", recomputed: own },
    ]);
    const lines = invoiceDifferences(issued, null).filter(({ field }) => field === "line");
    expect(lines).toHaveLength(2);
  });
});
