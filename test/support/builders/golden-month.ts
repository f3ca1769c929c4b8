// A month with every part of a plan, and the invoice that corrects it.

import type { Invoice } from "../../../services/domain/billing/invoice.ts";
import { bookWith, FULL_PLAN } from "./price-books.ts";
import {
  DECEMBER,
  decimal,
  hourAt,
  inputWithPlan,
  invoiceOf,
  NOVEMBER,
  packageOf,
  publish,
  secondsOfUsage,
  settlementOf,
  TENANT,
  tenantHour,
} from "./tenant-hours.ts";

const FIRST = publish(bookWith({ plans: [FULL_PLAN] }));
const SECOND = publish(
  bookWith({
    name: "from the 20th",
    effective_from: "2026-11-20T00:00:00Z",
    plans: [{ ...FULL_PLAN, rates: [{ name: "h100", unit: "composite_gpu_hour", unit_price: "2.2222" }] }],
  }),
);

/** The finalised invoice of the month, and the draft after late revisions. */
export function goldenMonth(): { readonly first: Invoice; readonly second: Invoice | null } {
  const rows = (seconds: number) => [
    secondsOfUsage(seconds),
    secondsOfUsage(seconds + 7, { project_id: "project-2", outcome: "cancelled" }),
    secondsOfUsage(seconds, { model: "other", phase: "inference" }),
  ];
  const hours = [
    ...[0, 1, 22, 100, 101].map((at) => tenantHour(at, rows(3000 + 17 * at), FIRST)),
    ...[500, 501].map((at) => tenantHour(at, rows(1234 + at), SECOND)),
  ];
  const terms = {
    books: [FIRST, SECOND],
    subscriptions: [
      { subscription_id: "s", tenant_id: TENANT, plan: "scale", from: NOVEMBER.from, to: hourAt(700) },
    ],
    prepaid: [
      packageOf({
        quantity: decimal("3"),
        price: decimal("6.66"),
        starts_at: hourAt(50),
        refunded_at: hourAt(501),
      }),
      packageOf({ prepaid_id: "credit", unit: "currency", quantity: decimal("25"), price: decimal("25") }),
    ],
  };
  const first = invoiceOf(settlementOf(inputWithPlan(FIRST, { ...terms, hours })).invoice, 1n);
  const revised = [...hours, tenantHour(100, rows(1), FIRST, 2), tenantHour(501, [], SECOND, 2)];
  const second = settlementOf(
    inputWithPlan(FIRST, { ...terms, hours: revised, periods: [NOVEMBER, DECEMBER], invoices: [first] }),
  ).invoice;
  return { first, second };
}
