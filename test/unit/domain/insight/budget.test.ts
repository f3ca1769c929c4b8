import { describe, expect, it } from "vitest";
import { budgetStatus, crossedThresholds } from "../../../../services/domain/insight/budget.ts";
import { ONE } from "../../../../services/domain/money/decimal.ts";

const BUDGET = { budget_id: "b", amount: 200n * ONE, thresholds_percent: [100, 50, 80, 50] };

describe("budgetStatus", () => {
  it.each([
    [50n, 150n, false],
    [200n, 0n, true],
    [250n, -50n, true],
    [-10n, 210n, false],
  ])("of 200 with %d spent", (spent, left, is_exhausted) => {
    const status = budgetStatus(BUDGET, { amount: spent * ONE, as_of_ms: 1_000 }, 4_500);
    expect(status).toEqual({
      spent: spent * ONE,
      left: left * ONE,
      used: (spent * ONE) / 200n,
      is_exhausted,
      age_ms: 3_500,
    });
  });

  it("is never younger than now, and a budget of nothing is exhausted", () => {
    const status = budgetStatus({ ...BUDGET, amount: 0n }, { amount: 0n, as_of_ms: 9 }, 5);
    expect(status).toMatchObject({ age_ms: 0, used: 0n, is_exhausted: true });
  });
});

describe("crossedThresholds", () => {
  it.each<[bigint, number[], number[]]>([
    [99n, [], []],
    [100n, [], [50]],
    [170n, [], [50, 80]],
    [170n, [50], [80]],
    [500n, [50, 80], [100]],
    [500n, [50, 80, 100], []],
    [90n, [50], []],
  ])("with %d of 200 spent and %j alerted are %j", (spent, alerted, crossed) => {
    expect(crossedThresholds(BUDGET, spent * ONE, alerted)).toEqual(crossed);
  });
});
