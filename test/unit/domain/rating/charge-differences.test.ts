import { expect, it } from "vitest";
import { chargeDifferences } from "../../../../services/domain/rating/charge-differences.ts";
import { rateHour } from "../../../../services/domain/rating/charges.ts";
import { demoBook, usageRow } from "../../../support/builders/price-books.ts";

const { charges } = rateHour([usageRow(), usageRow({ project_id: "project-2" })], demoBook());
const ids = ["one", "two"];

it("charges that are the same differ nowhere, in any order", () => {
  expect(chargeDifferences(charges, ids, charges.toReversed())).toEqual([]);
});

it("a changed term is listed under the charge's id, and nothing else is", () => {
  const [first, second] = charges;
  if (first === undefined || second === undefined) throw new Error("two rows were rated");
  const stored = [first, { ...second, charge: second.charge + 1n, apportionments: ["equal@1", "tokens@1"] }];
  expect(chargeDifferences(stored, ids, charges)).toEqual([
    { charge_id: "two", field: "charge", charged: "1.937500000001", recomputed: "1.937500000000" },
    { charge_id: "two", field: "apportionments", charged: "equal@1,tokens@1", recomputed: "equal@1" },
  ]);
});

it("a charge without usage, and usage without a charge, are listed as a whole", () => {
  expect(chargeDifferences(charges, ids, charges.slice(0, 1))).toEqual([
    { charge_id: "two", field: "charge_id", charged: "two", recomputed: "" },
  ]);
  const [missing, ...more] = chargeDifferences(charges.slice(0, 1), ids, charges);
  expect(more).toEqual([]);
  expect(missing).toMatchObject({ charge_id: "", field: "charge_id", charged: "" });
  expect(missing?.recomputed).toContain("project-2");
});
