// P10 over HTTP: whatever is sent, every route answers as described, and never with a 500.
import fc from "fast-check";
import Schema from "typebox/schema";
import { expect, it } from "vitest";
import { API_CODES } from "../../../services/adapters/http/problem.ts";
import { pricingDocument } from "../../../services/pricing/app.ts";
import { contractApi } from "../../support/contracts.ts";
import { operationsOf, requestsOf } from "../../support/fuzz.ts";
import { bookDocument } from "../../support/pricing.ts";
import { EVENT, ROWS } from "../../support/pricing-api.ts";

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
};

it.each(operationsOf(document))("%s %s", { timeout: 60_000 }, async (path, method, operation) => {
  const { ask } = await contractApi();
  const replySchema = Object.entries(operation.responses).find(([status]) => status.startsWith("2"))?.[1]
    .content["application/json"]?.schema;
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      requestsOf(path, method, operation, KNOWN, bookDocument()),
      fc.constantFrom("acme" as const, "operator" as const, "admin" as const),
      async ({ operation: _operation, ...request }, who) => {
        const { status, headers, body } = await ask(who, request);
        statuses.add(status);
        expect(status).toBeLessThan(500);
        if (status >= 400) {
          expect(headers["content-type"]).toMatch(/^application\/problem\+json/);
          expect(Object.keys(API_CODES)).toContain(body["code"]);
        } else {
          expect(Object.keys(operation.responses)).toContain(String(status));
          expect(Schema.Errors(replySchema ?? {}, body)).toEqual([true, []]);
        }
      },
    ),
    { numRuns: 120 },
  );
  // A fuzz that is only ever refused at the door has tried nothing.
  expect([...statuses].some((status) => status < 300 || status === 404 || status === 409)).toBe(true);
});
