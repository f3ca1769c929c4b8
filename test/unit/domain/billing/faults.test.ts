import { describe, expect, it } from "vitest";
import {
  computeInvoice,
  type InvoiceComputation,
} from "../../../../services/domain/billing/compute-invoice.ts";
import { draftInvoice } from "../../../../services/domain/billing/invoice.ts";
import { bookWithPlan } from "../../../support/builders/price-books.ts";
import {
  DECEMBER,
  hourAt,
  input,
  NOVEMBER,
  packageOf,
  publish,
  secondsOfUsage,
  TENANT,
  tenantHour,
} from "../../../support/builders/tenant-hours.ts";

const subscription = (id: string, from: number, to: number | null, plan = "plan") => ({
  subscription_id: id,
  tenant_id: TENANT,
  plan,
  from: hourAt(from),
  to: to === null ? null : hourAt(to),
});

const ISSUED = draftInvoice(
  { invoice_id: "issued", tenant_id: TENANT, currency: "USD", period_from: 0, period_to: 3600 },
  [],
);

describe("settle refuses", () => {
  const book = publish(bookWithPlan({}));
  const later = publish(bookWithPlan({}, { effective_from: "2026-11-02T00:00:00Z" }));
  it.each<[string, Partial<InvoiceComputation>, string]>([
    [
      "periods with a gap",
      { periods: [NOVEMBER, { from: DECEMBER.to, to: DECEMBER.to + 3600 }] },
      "SETTLEMENT_PERIODS 2027-01-01T00:00:00Z",
    ],
    [
      "a reversed period",
      { periods: [{ from: NOVEMBER.to, to: NOVEMBER.from }] },
      "SETTLEMENT_PERIODS 2026-12-01T00:00:00Z",
    ],
    [
      "a period that cuts an earlier invoice",
      {
        periods: [{ from: NOVEMBER.from, to: hourAt(24) }],
        invoices: [{ ...ISSUED, period_from: NOVEMBER.from, period_to: NOVEMBER.to }],
      },
      "SETTLEMENT_PERIODS 2026-11-01T00:00:00Z",
    ],
    ["another tenant's invoice", { invoices: [{ ...ISSUED, tenant_id: "x" }] }, "SETTLEMENT_TENANT issued"],
    ["an invoice in euros", { invoices: [{ ...ISSUED, currency: "EUR" }] }, "SETTLEMENT_CURRENCY issued"],
    [
      "overlapping subscriptions",
      { subscriptions: [subscription("a", 0, null), subscription("b", 5, 6)] },
      "SETTLEMENT_SUBSCRIPTIONS b",
    ],
    ["a reversed subscription", { subscriptions: [subscription("a", 5, 5)] }, "SETTLEMENT_SUBSCRIPTIONS a"],
    [
      "a plan that is not there",
      { subscriptions: [subscription("a", 0, 1, "none")] },
      "SETTLEMENT_PLAN_UNKNOWN none in 2026 H100",
    ],
    [
      "an unknown book",
      { hours: [tenantHour(1, [], publish(bookWithPlan({ flat_fees: [{ name: "f", amount: "1" }] })))] },
      "SETTLEMENT_BOOK 2026-11-01T01:00:00Z",
    ],
    [
      "a book that was not in force",
      { books: [book, later], hours: [tenantHour(30, [], book)] },
      "SETTLEMENT_BOOK 2026-11-02T06:00:00Z",
    ],
    [
      "a package in another currency",
      { prepaid: [packageOf({ currency: "EUR" })] },
      "SETTLEMENT_CURRENCY package-1",
    ],
    [
      "another tenant's package",
      { prepaid: [packageOf({ tenant_id: "tenant-02" })] },
      "SETTLEMENT_TENANT package-1",
    ],
    [
      "another tenant's charge",
      { hours: [tenantHour(1, [secondsOfUsage(1, { tenant_id: "tenant-02" })], book)] },
      "SETTLEMENT_TENANT tenant-02",
    ],
  ])("%s", (_, changes, fault) => {
    const result = computeInvoice(input({ books: [book], ...changes }));
    const faults = result.ok ? [] : result.faults.map(({ code, about }) => `${code} ${about}`);
    expect(faults).toEqual([fault]);
  });
});
