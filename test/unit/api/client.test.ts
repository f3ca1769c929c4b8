import { afterEach, expect, it } from "vitest";
import { listen } from "../../../services/adapters/http/listen.ts";
import { ApiFailure, pricingClient } from "../../../services/client/client.ts";
import { EVENT } from "../../support/builders/ledger-rows.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";

let served: TestApi | undefined;
afterEach(async () => served?.api.close());

async function clientOf(who: "acme" | "operator") {
  served = await testApi();
  const port = await listen(served.api, { host: "127.0.0.1", port: 0, name: "TEST" });
  return pricingClient({ url: `http://127.0.0.1:${port}`, key: served.keys[who] });
}

it("asks with paths, queries, headers and bodies, and answers what the description says", async () => {
  const ask = await clientOf("operator");
  const query = { from: "2026-11-23T00:00Z", to: "2026-11-24T00:00Z", tenant_id: "acme" };
  const charges = await ask("listCharges", { query });
  expect(charges.items.map(({ charge }) => charge)).toEqual(["1.000000000000", "1.000000000000"]);
  const done = await ask("voidEvent", {
    path: { event_id: EVENT },
    header: { "Idempotency-Key": "once" },
    body: { reason: "measured twice" },
  });
  expect(done).toMatchObject({ event_id: EVENT, action: "void" });
});

it("throws what the API says no with", async () => {
  const ask = await clientOf("acme");
  const refused = ask("liveUsage", { query: { tenant_id: "globex" } });
  await expect(refused).rejects.toThrow(ApiFailure);
  await expect(refused).rejects.toMatchObject({ status: 404, code: "API_NOT_FOUND" });
});
