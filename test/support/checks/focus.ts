// What the specification FOCUS 1.2 asks of every row of a view.
import { expect } from "vitest";
import type { ClickHouse } from "../../../services/adapters/clickhouse/client.ts";

const TEXT = "String";
const MOMENT = "DateTime('UTC')";
const MONEY = "Decimal(38, 12)";
/** Mandatory in the specification: type here, whether null is allowed, and the allowed values where it lists them. */
export const MANDATORY: Readonly<
  Record<string, { type: string; nullable?: true; allowed?: readonly string[] }>
> = {
  BilledCost: { type: MONEY },
  BillingAccountId: { type: TEXT },
  BillingAccountName: { type: TEXT, nullable: true },
  BillingCurrency: { type: TEXT },
  BillingPeriodEnd: { type: MOMENT },
  BillingPeriodStart: { type: MOMENT },
  ChargeCategory: { type: TEXT, allowed: ["Usage", "Purchase", "Tax", "Credit", "Adjustment"] },
  ChargeClass: { type: TEXT, nullable: true, allowed: ["Correction"] },
  ChargeDescription: { type: TEXT, nullable: true },
  ChargePeriodEnd: { type: MOMENT },
  ChargePeriodStart: { type: MOMENT },
  ContractedCost: { type: MONEY },
  EffectiveCost: { type: MONEY },
  InvoiceIssuerName: { type: TEXT },
  ListCost: { type: MONEY },
  PricingQuantity: { type: "Decimal(38, 18)", nullable: true },
  PricingUnit: { type: TEXT, nullable: true },
  ProviderName: { type: TEXT },
  PublisherName: { type: TEXT },
  ServiceCategory: { type: TEXT, allowed: ["AI and Machine Learning", "Compute", "Other"] },
  ServiceName: { type: TEXT },
};
/** Recommended and conditional ones with allowed values, and those that usage and purchases must have. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  ChargeFrequency: ["One-Time", "Recurring", "Usage-Based"],
  PricingCategory: ["Standard", "Dynamic", "Committed", "Other"],
  CommitmentDiscountCategory: ["Spend", "Usage"],
  CommitmentDiscountStatus: ["Used", "Unused"],
  ServiceSubcategory: [
    "AI Platforms",
    "Machine Learning",
    "Generative AI",
    "Other (AI and Machine Learning)",
  ],
};
const OF_PRICED = [
  "ListUnitPrice",
  "ContractedUnitPrice",
  "PricingQuantity",
  "PricingUnit",
  "SkuId",
  "SkuPriceId",
];

type Row = Readonly<Record<string, unknown>>;

/** Types, nullability, allowed values and what depends on the category; returns the rows. */
export async function expectFocus(clickhouse: ClickHouse, view: string): Promise<Row[]> {
  const described = await clickhouse.query<{ name: string; type: string }>(`DESCRIBE ${view}`);
  const types = new Map(
    described.map(({ name, type }) => [name, type.replace(/^LowCardinality\((.*)\)$/, "$1")]),
  );
  const rows = await clickhouse.query<Row>(`SELECT * FROM ${view}`);
  for (const [name, { type, nullable, allowed }] of Object.entries(MANDATORY)) {
    expect(types.get(name), name).toBe(nullable === true ? `Nullable(${type})` : type);
    for (const row of rows) {
      if (nullable !== true) expect([null, "", " "], name).not.toContain(row[name]);
      if (allowed !== undefined && row[name] !== null) expect(allowed, name).toContain(row[name]);
    }
  }
  for (const [name, allowed] of Object.entries(OTHERS)) {
    for (const row of rows) expect([...allowed, null], name).toContain(row[name] ?? null);
  }
  for (const row of rows) {
    // No placeholder for what is not there.
    expect(Object.values(row).filter((value) => value === "")).toEqual([]);
    const category = row["ChargeCategory"];
    const isPriced = category === "Usage" || category === "Purchase";
    if (isPriced) for (const name of OF_PRICED) expect(row[name], name).not.toBeNull();
    if (category === "Purchase") expect(row["ChargeFrequency"]).not.toBe("Usage-Based");
    if (category !== "Usage") expect(row["ConsumedQuantity"]).toBeNull();
    if (row["ListUnitPrice"] === null) expect(row["ListCost"]).toBe(row["BilledCost"]);
    expect(row["PricingUnit"] === null).toBe(row["PricingQuantity"] === null);
    expect(row["ConsumedUnit"] === null).toBe(row["ConsumedQuantity"] === null);
    expect(String(row["ListUnitPrice"])).not.toContain("-");
  }
  const off = await clickhouse.query<object>(
    `SELECT * FROM ${view} WHERE ListUnitPrice IS NOT NULL
       AND ListCost != round(CAST(assumeNotNull(PricingQuantity) AS Decimal(76, 18))
         * CAST(assumeNotNull(ListUnitPrice) AS Decimal(76, 12)), 12)`,
  );
  expect(off).toEqual([]);
  return rows;
}
