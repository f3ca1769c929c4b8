// P10 over HTTP: whatever is sent, every route answers as described, and never with a 500.

import fc from "fast-check";
import Schema from "typebox/schema";
import { expect, it } from "vitest";
import { PROBLEM_CODES } from "../../../services/adapters/http/problem.ts";
import { pricingDocument } from "../../../services/api/app.ts";
import { publishedBooks } from "../../../services/billing/books/books.ts";
import { operationsOf, requestsOf } from "../../support/builders/fuzz.ts";
import { EVENT, ROWS } from "../../support/builders/ledger-rows.ts";
import { bookDocument } from "../../support/builders/price-books.ts";
import { secondsOfUsage, tenantHour } from "../../support/builders/tenant-hours.ts";
import { MemoryTenantCharges } from "../../support/doubles/memory-charges.ts";
import { contractApi } from "../../support/flows/tenant-api.ts";

const document = pricingDocument();
const KNOWN = {
  charge_id: ROWS.charges.map(({ charge_id }) => charge_id),
  event_id: [EVENT],
  hour: ["2026-11-23T10:00:00Z"],
  from: ["2026-11-23T00:00Z"],
  to: ["2026-11-24T00:00Z"],
  tenant_id: ["acme", "globex", "initech"],
  at: ["2026-11-24T00:00Z"],
  starts_at: ["2026-11-23T00:00Z"],
  plan: ["scale"],
  offer: ["hundred"],
  currency: ["USD"],
  period_from: ["2026-10-01T00:00Z"],
};

it.each(operationsOf(document))("%s %s", { timeout: 60_000 }, async (path, method, operation) => {
  const charges = new MemoryTenantCharges();
  const october = { tenant_id: "acme", period_from: "2026-10-01T00:00Z" };
  const { ask, pricing } = await contractApi({ charges });
  const [book] = await publishedBooks(pricing);
  charges.rate("acme", tenantHour(-24, [secondsOfUsage(3600, { tenant_id: "acme" })], book));
  await ask("operator", { method: "POST", url: "/v1/invoices", payload: october });
  const { items } = (await ask("operator", { url: "/v1/invoices" })).body;
  const known = { ...KNOWN, invoice_id: items.map((it) => String(it["invoice_id"])) };
  const replySchema = Object.entries(operation.responses).find(([status]) => status.startsWith("2"))?.[1]
    .content["application/json"]?.schema;
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      requestsOf(path, method, operation, known, bookDocument()),
      fc.constantFrom("acme" as const, "operator" as const, "admin" as const),
      async ({ operation: _operation, ...request }, who) => {
        const { status, headers, body } = await ask(who, request);
        statuses.add(status);
        expect(status).toBeLessThan(500);
        if (status >= 400) {
          expect(headers["content-type"]).toMatch(/^application\/problem\+json/);
          expect(PROBLEM_CODES).toContain(body["code"]);
        } else {
          expect(Object.keys(operation.responses)).toContain(String(status));
          const isJson = String(headers["content-type"]).startsWith("application/json");
          if (isJson) expect(Schema.Errors(replySchema ?? {}, body)).toEqual([true, []]);
        }
      },
    ),
    { numRuns: 120 },
  );
  // A fuzz that is only ever refused at the door has tried nothing.
  expect([...statuses].some((status) => status < 300 || status === 404 || status === 409)).toBe(true);
});
