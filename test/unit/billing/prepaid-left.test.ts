// What is left of a package follows the hours as they are rated, and the invoices as they are finalised.

import { expect, it } from "vitest";
import { bookWithPlan } from "../../support/builders/price-books.ts";
import {
  DECEMBER_FROM,
  invoicingApi,
  NOVEMBER_FROM,
  post,
  publishBook,
} from "../../support/flows/tenant-api.ts";

const PACKAGES = "/v1/tenants/acme/packages";
const TERMS = { name: "own", unit: "composite_gpu_hour", quantity: "1", price: "2", valid_hours: 3_000 };
const DECEMBER_HOUR = 30 * 24;

async function open() {
  const api = await invoicingApi({}, bookWithPlan({}));
  const tenant = { tenant_id: "acme", name: "Acme", currency: "USD" };
  expect((await post(api, "/v1/tenants", tenant)).status).toBe(201);
  const bought = await post(api, PACKAGES, { terms: TERMS, starts_at: NOVEMBER_FROM });
  expect(bought.status).toBe(201);
  const left = async () => {
    const [item] = (await api.ask("acme", { url: PACKAGES })).body.items;
    return [item?.["left"], item?.["left_invoiced"]];
  };
  return { api, left, prepaid_id: bought.body["prepaid_id"] };
}

it("less what hours have drawn, before they are invoiced and after", async () => {
  const { api, left } = await open();
  expect(await left()).toEqual(["1.000000000000", "1.000000000000"]);
  api.use("acme", 0, 3_600);
  expect(await left()).toEqual(["0.225000000000", "1.000000000000"]);
  await api.invoice(NOVEMBER_FROM);
  expect(await left()).toEqual(["0.225000000000", "0.225000000000"]);
  api.use("acme", DECEMBER_HOUR, 3_600);
  expect(await left()).toEqual(["0.000000000000", "0.225000000000"]);
  await api.invoice(DECEMBER_FROM);
  expect(await left()).toEqual(["0.000000000000", "0.000000000000"]);
});

it("is not known while the hours cannot be settled", async () => {
  const { api, left } = await open();
  const plan = { plan: "plan", from: NOVEMBER_FROM, to: null };
  expect((await post(api, "/v1/tenants/acme/subscriptions", plan)).status).toBe(201);
  await publishBook(api, { name: "later", effective_from: "2026-12-15T00:00:00Z" });
  expect(await left()).toEqual([null, "1.000000000000"]);
});

it("hours that are invoiced are agreed on", async () => {
  const { api, prepaid_id } = await open();
  api.use("acme", 0, 3_600);
  await api.invoice(NOVEMBER_FROM);
  const before = "2026-11-30T23:00:00Z";
  const code = async (url: string, payload: object) => (await post(api, url, payload)).body["code"];
  const subscription = { plan: "plan", to: null };
  expect(await code(PACKAGES, { terms: TERMS, starts_at: before })).toBe("CONTRACT_INVOICED");
  expect(await code(`${PACKAGES}/${prepaid_id}/refund`, { at: before })).toBe("CONTRACT_INVOICED");
  expect(await code("/v1/tenants/acme/subscriptions", { ...subscription, from: before })).toBe(
    "CONTRACT_INVOICED",
  );
  expect(await code(`${PACKAGES}/${prepaid_id}/refund`, { at: DECEMBER_FROM })).toBeUndefined();
});

it("a tenant that was invoiced on demand is registered in the currency of its invoices", async () => {
  const api = await invoicingApi();
  api.use("acme", 0, 3_600);
  await api.invoice(NOVEMBER_FROM);
  await publishBook(api, { name: "euro", currency: "EUR", effective_from: "2027-06-01T00:00:00Z" });
  const named = (currency: string) => post(api, "/v1/tenants", { tenant_id: "acme", name: "Acme", currency });
  expect((await named("EUR")).body["code"]).toBe("CONTRACT_CURRENCY");
  expect((await named("USD")).status).toBe(201);
});
