import { describe, expect, it } from "vitest";
import {
  type HourSales,
  revisedHours,
  seriesSales,
} from "../../../../services/domain/insight/index-sales.ts";
import { decimal } from "../../../support/builders/tenant-hours.ts";

const HOURS = { period_hours: 1 };
const DAYS = { period_hours: 24 };
const GPU_HOUR = decimal("3600000000000");

function sales(
  hour: number,
  model: string,
  tenants: readonly string[],
  changes: Partial<HourSales> = {},
): HourSales {
  return {
    hour: hour * 3_600,
    revision: 1,
    rating: 1,
    ...{ model, gpu_model: "H100", mig_profile: "", tenants },
    unit_time_ns: GPU_HOUR,
    value: decimal("2"),
    ...changes,
  };
}

describe("seriesSales", () => {
  const rows = [
    sales(0, "broad", ["a", "b", "c"]),
    sales(0, "narrow", ["a", "b"]),
    sales(1, "narrow", ["c"], { revision: 2 }),
  ];
  const keysOf = (series: "all" | "shared", rules: typeof HOURS) =>
    seriesSales(rows, series, rules).sales.map(({ hour, gpu_class }) => `${hour / 3600} ${gpu_class}`);

  it("has quality-weighted GPU-hours and what they cost", () => {
    expect(seriesSales(rows, "all", HOURS).sales[0]).toEqual({
      hour: 0,
      gpu_class: "broad | H100",
      quantity: decimal("1"),
      value: decimal("2"),
    });
  });

  it("leaves out of the shared series what fewer than three tenants bought in the period", () => {
    expect(keysOf("all", HOURS)).toHaveLength(3);
    expect(keysOf("shared", HOURS)).toEqual(["0 broad | H100"]);
    // Over the day it was three.
    expect(keysOf("shared", DAYS)).toHaveLength(3);
  });

  it("counts a tenant that buys in many hours once", () => {
    const same = [0, 1, 2].map((hour) => sales(hour, "m", ["a", "b"]));
    expect(seriesSales(same, "shared", DAYS).sales).toEqual([]);
    expect(seriesSales(same, "all", DAYS).tenantsOf(0, "m | H100")).toBe(2);
  });

  it("tells the ratings that a period rests on, once each, whatever the series leaves out", () => {
    expect(seriesSales(rows, "shared", DAYS).restsOn(0)).toEqual([
      { hour: 0, revision: 1, rating: 1 },
      { hour: 3_600, revision: 2, rating: 1 },
    ]);
    expect(seriesSales(rows, "all", HOURS).restsOn(7_200)).toEqual([]);
  });
});

it("revisedHours names what changed, came or went", () => {
  const rated = (hour: number, revision: number) => ({ hour, revision, rating: 1 });
  const before = [rated(1, 1), rated(2, 1), rated(3, 1)];
  const after = [rated(1, 1), rated(2, 2), rated(4, 1)];
  expect(revisedHours(before, after, String)).toEqual(["2 1.1 to 2.1", "3 1.1 to none", "4 none to 1.1"]);
  expect(revisedHours(before, before, String)).toEqual([]);
});
