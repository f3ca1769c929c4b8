// What a tenant has agreed to: written by operators, seen by the tenant, taken by settlement, and never changed in place.

import { describe, expect, it } from "vitest";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import {
  buy,
  subscribe as changeOf,
  endSubscription,
  refund,
} from "../../../services/billing/contracts/contract-changes.ts";
import { contractOf } from "../../../services/billing/contracts/contracts.ts";
import { computeInvoice } from "../../../services/domain/billing/compute-invoice.ts";
import { parseHour } from "../../../services/domain/time/hour.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";
import { contractApi, post, publishBook } from "../../support/flows/tenant-api.ts";

const INITECH = "/v1/tenants/initech";
const SUBSCRIPTIONS = `${INITECH}/subscriptions`;
const PACKAGES = `${INITECH}/packages`;
const DECEMBER = "2026-12-01T00:00:00Z";
const JANUARY = "2027-01-01T00:00:00Z";
const hour = (text: string) => parseHour(text) ?? -1;
const TERMS = { name: "own", unit: "gpu_hour", quantity: "10", price: "0", valid_hours: 24 };

const subscribe = (api: TestApi, from: string, to: string | null = null, plan = "scale") =>
  post(api, SUBSCRIPTIONS, { plan, from, to });
const items = async (api: TestApi, url: string) => (await api.ask("operator", { url })).body.items;

describe("a tenant", () => {
  it("is registered once, with who and why", async () => {
    const api = await contractApi();
    expect((await api.ask("operator", { url: INITECH })).body).toMatchObject({
      tenant_id: "initech",
      name: "Initech",
      currency: "USD",
      version: 1,
      written_at: "2026-11-23T12:34:56.789Z",
    });
    const again = await post(api, "/v1/tenants", { tenant_id: "initech", name: "Other", currency: "USD" });
    expect(again).toMatchObject({ status: 409, body: { code: "TENANT_EXISTS" } });
    expect(await items(api, `${INITECH}/history`)).toEqual([
      expect.objectContaining({ version: 1, action: "created", about: "", reason: "agreed" }),
    ]);
  });

  it.each([
    [{ currency: "EUR" }, "CONTRACT_CURRENCY"],
    [{ currency: "dollars" }, "API_REQUEST_INVALID"],
    [{ tenant_id: "" }, "API_REQUEST_INVALID"],
    [{ tenant_id: "a\u0000b" }, "API_REQUEST_INVALID"],
    [{ tenant_id: "\ud800" }, "API_REQUEST_INVALID"],
    [{ reason: "" }, "API_REQUEST_INVALID"],
    [{ webhook: "https://example.com" }, "API_REQUEST_INVALID"],
  ])("with %j is refused: %s", async (parts, code) => {
    const api = await contractApi();
    const tenant = { tenant_id: "hooli", name: "Hooli", currency: "USD" };
    expect((await post(api, "/v1/tenants", { ...tenant, ...parts })).body["code"]).toBe(code);
    expect(await contractOf(api.pricing, "hooli")).toBeNull();
  });

  it("that only has charges is on demand, in the currency of the book in force", async () => {
    const api = await contractApi();
    await publishBook(api, { name: "euro", currency: "EUR", effective_from: DECEMBER });
    expect(await contractOf(api.pricing, "globex")).toMatchObject({
      tenant_id: "globex",
      currency: "USD",
      subscriptions: [],
      prepaid: [],
    });
    expect(await contractOf(api.pricing, "nobody")).toBeNull();
    expect(await contractOf(api.pricing, "")).toBeNull();
    expect(await contractOf(api.pricing, "operator")).toBeNull();
    expect((await api.ask("operator", { url: "/v1/tenants/globex" })).body).toMatchObject({ version: 0 });
    expect((await post(api, "/v1/tenants/globex/subscriptions", {})).body["code"]).toBe(
      "API_REQUEST_INVALID",
    );
    const plan = { plan: "scale", from: DECEMBER, to: null };
    expect((await post(api, "/v1/tenants/globex/subscriptions", plan)).body["code"]).toBe("API_NOT_FOUND");
  });

  it("is listed with all others in order, in pages; and sees itself alone", async () => {
    const api = await contractApi();
    await post(api, "/v1/tenants", { tenant_id: "acme", name: "Acme", currency: "USD" });
    const first = await api.ask("operator", { url: "/v1/tenants?limit=2" });
    expect(first.body.items.map((it) => [it["tenant_id"], it["version"]])).toEqual([
      ["acme", 1],
      ["globex", 0],
    ]);
    const rest = await items(api, `/v1/tenants?limit=2&cursor=${first.body["next_cursor"]}`);
    expect(rest.map((it) => it["tenant_id"])).toEqual(["initech"]);
    const own = await api.ask("acme", { url: "/v1/tenants" });
    expect(own.body.items.map((it) => it["tenant_id"])).toEqual(["acme"]);
    expect((await api.ask("acme", { url: "/v1/tenants/acme" })).status).toBe(200);
    for (const url of [INITECH, SUBSCRIPTIONS, PACKAGES, "/v1/tenants/nobody"]) {
      expect(await api.ask("acme", { url }), url).toMatchObject({
        status: 404,
        body: { code: "API_NOT_FOUND" },
      });
    }
    expect((await api.ask("acme", { url: `${INITECH}/history` })).status).toBe(403);
    expect((await api.ask("acme", { url: "/v1/tenants/acme/packages" })).body.items).toEqual([]);
  });
});

describe("a subscription", () => {
  it("is taken by settlement, and ends", async () => {
    const api = await contractApi();
    const made = await subscribe(api, DECEMBER);
    expect(made).toMatchObject({ status: 201, body: { plan: "scale", from: DECEMBER, to: null } });
    const contract = await contractOf(api.pricing, "initech");
    expect(contract?.subscriptions).toMatchObject([{ tenant_id: "initech", from: hour(DECEMBER), to: null }]);
    const id = String(made.body["subscription_id"]);
    const ended = await post(api, `${SUBSCRIPTIONS}/${id}/end`, { at: JANUARY, reason: "left" });
    expect(ended).toMatchObject({ status: 200, body: { to: JANUARY, is_cancelled: false } });
    expect(await post(api, `${SUBSCRIPTIONS}/${id}/end`, { at: "2027-02-01T00:00Z" })).toMatchObject({
      status: 409,
      body: { code: "CONTRACT_OVER" },
    });
    expect((await items(api, `${INITECH}/history`)).map((it) => [it["action"], it["reason"]])).toEqual([
      ["subscription_ended", "left"],
      ["subscribed", "agreed"],
      ["created", "agreed"],
    ]);
  });

  it("never overlaps another; after one that ended, or that was cancelled, there is room", async () => {
    const api = await contractApi();
    const { body } = await subscribe(api, DECEMBER);
    const overlaps = { status: 409, body: { code: "CONTRACT_OVERLAPS" } };
    expect(await subscribe(api, JANUARY)).toMatchObject(overlaps);
    expect(await subscribe(api, "2026-11-01T00:00Z")).toMatchObject(overlaps);
    expect((await subscribe(api, "2026-11-01T00:00Z", DECEMBER)).status).toBe(201);
    const end = `${SUBSCRIPTIONS}/${body["subscription_id"]}/end`;
    expect((await post(api, end, { at: DECEMBER })).body).toMatchObject({ is_cancelled: true });
    expect((await subscribe(api, DECEMBER, JANUARY, "second")).status).toBe(201);
    expect((await contractOf(api.pricing, "initech"))?.subscriptions.map(({ plan }) => plan)).toEqual([
      "scale",
      "second",
    ]);
    const listed = await items(api, `${SUBSCRIPTIONS}?limit=2`);
    expect(listed.map(({ from }) => from)).toEqual(["2026-11-01T00:00:00Z", DECEMBER]);
  });

  it.each([
    [{ plan: "scale", from: JANUARY, to: DECEMBER }, "API_TIMES_REVERSED"],
    [{ plan: "scale", from: JANUARY, to: JANUARY }, "API_TIMES_REVERSED"],
    [{ plan: "gold", from: DECEMBER, to: null }, "CONTRACT_PLAN_UNKNOWN"],
    [{ plan: "scale", from: "2025-12-01T00:00Z", to: null }, "CONTRACT_PLAN_UNKNOWN"],
    [{ plan: "scale", from: "2026-12-01T00:30Z", to: null }, "API_REQUEST_INVALID"],
    [{ plan: "scale", from: "2026-02-31T00:00Z", to: null }, "API_REQUEST_INVALID"],
    [{ plan: "scale", from: DECEMBER }, "API_REQUEST_INVALID"],
  ])("of %j is refused: %s", async (payload, code) => {
    const api = await contractApi();
    expect((await post(api, SUBSCRIPTIONS, payload)).body["code"]).toBe(code);
    expect(await items(api, SUBSCRIPTIONS)).toEqual([]);
  });

  it("needs its plan in every book that is in force under it, in the tenant's currency", async () => {
    const api = await contractApi();
    await publishBook(api, { name: "later", effective_from: JANUARY, plans: [{ name: "second" }] });
    await publishBook(api, { name: "euro", currency: "EUR", effective_from: "2027-06-01T00:00Z" });
    expect((await subscribe(api, DECEMBER)).body).toMatchObject({
      code: "CONTRACT_PLAN_UNKNOWN",
      detail: expect.stringContaining("scale in later"),
    });
    expect((await subscribe(api, DECEMBER, JANUARY)).status).toBe(201);
    expect((await subscribe(api, "2027-06-01T00:00Z")).body["code"]).toBe("CONTRACT_CURRENCY");
  });

  it("ends where it began or later, and only if it is there", async () => {
    const api = await contractApi();
    const { body } = await subscribe(api, DECEMBER);
    const end = (id: string, at: string) => post(api, `${SUBSCRIPTIONS}/${id}/end`, { at });
    const code = async (id: string, at: string) => (await end(id, at)).body["code"];
    expect(await code(String(body["subscription_id"]), "2026-11-30T23:00Z")).toBe("API_TIMES_REVERSED");
    expect(await code("nothing", DECEMBER)).toBe("API_NOT_FOUND");
    expect(await code("nothing", "2026-02-31T00:00Z")).toBe("API_REQUEST_INVALID");
  });
});

describe("a package", () => {
  it("is bought by the name of an offer or on terms of its own, and is drawn from in the order of the list", async () => {
    const api = await contractApi();
    const offered = await post(api, PACKAGES, { offer: "hundred", starts_at: DECEMBER });
    expect(offered).toMatchObject({
      status: 201,
      body: { quantity: "100.000000000000", price: "200.000000000000", expires_at: "2026-12-31T00:00:00Z" },
    });
    expect((await post(api, PACKAGES, { offer: "prepay", starts_at: DECEMBER })).status).toBe(201);
    expect((await post(api, PACKAGES, { terms: TERMS, starts_at: DECEMBER })).status).toBe(201);
    const listed = await api.ask("operator", { url: `${PACKAGES}?limit=2` });
    expect(listed.body.items.map((it) => [it["name"], it["unit"], it["left"]])).toEqual([
      ["own", "gpu_hour", "10.000000000000"],
      ["hundred", "composite_gpu_hour", "100.000000000000"],
    ]);
    const rest = await items(api, `${PACKAGES}?cursor=${listed.body["next_cursor"]}`);
    expect(rest.map(({ name }) => name)).toEqual(["prepay"]);
  });

  it("is on the invoice of its period, and what is left when it is refunded is paid back", async () => {
    const api = await contractApi();
    const { body } = await post(api, PACKAGES, { offer: "hundred", starts_at: DECEMBER });
    const refund = `${PACKAGES}/${body["prepaid_id"]}/refund`;
    const periods = [{ from: hour(DECEMBER), to: hour(JANUARY) }];
    const total = async () => {
      const contract = await contractOf(api.pricing, "initech");
      if (contract === null) return null;
      const settled = computeInvoice({
        ...contract,
        periods,
        hours: [],
        opening: new Map(),
        invoices: [],
        hash: sha256,
      });
      return settled.ok ? (settled.invoice?.total ?? 0n) : settled.faults;
    };
    expect(await total()).toBe(200n * 10n ** 12n);
    expect((await post(api, refund, { at: "2026-12-02T00:00Z" })).body["refunded_at"]).toBe(
      "2026-12-02T00:00:00Z",
    );
    expect(await total()).toBe(0n);
    expect((await post(api, refund, { at: "2026-12-03T00:00Z" })).body["code"]).toBe("CONTRACT_OVER");
  });

  it.each([
    [{ offer: "thousand" }, "CONTRACT_OFFER_UNKNOWN", undefined],
    [{ offer: "hundred", terms: TERMS }, "API_REQUEST_INVALID", undefined],
    [{}, "API_REQUEST_INVALID", undefined],
    [{ offer: "hundred", starts_at: "2025-01-01T00:00Z" }, "CONTRACT_OFFER_UNKNOWN", undefined],
    [{ offer: "hundred", starts_at: "2106-01-31T00:00Z" }, "CONTRACT_TERMS_INVALID", undefined],
    [{ terms: { ...TERMS, quantity: "0" } }, "CONTRACT_TERMS_INVALID", "PRICE_BOOK_ZERO"],
    [
      { terms: { ...TERMS, quantity: "1.0000000000001" } },
      "CONTRACT_TERMS_INVALID",
      "PRICE_BOOK_TOO_MANY_DIGITS",
    ],
    [{ terms: { ...TERMS, price: "9".repeat(27) } }, "CONTRACT_TERMS_INVALID", "PRICE_BOOK_TOO_MANY_DIGITS"],
    [{ terms: { ...TERMS, price: "-1" } }, "CONTRACT_TERMS_INVALID", "PRICE_BOOK_NEGATIVE"],
    [{ terms: { ...TERMS, price: 1 } }, "API_REQUEST_INVALID", "type"],
    [{ terms: { ...TERMS, unit: "apples" } }, "API_REQUEST_INVALID", "const"],
  ])("of %j is refused: %s", async (payload, code, fault) => {
    const api = await contractApi();
    const { body } = await post(api, PACKAGES, { starts_at: DECEMBER, ...payload });
    expect(body["code"]).toBe(code);
    if (fault !== undefined) expect(JSON.stringify(body["faults"])).toContain(fault);
    expect(await items(api, PACKAGES)).toEqual([]);
  });

  it("is refunded within its time, and only if it is there", async () => {
    const api = await contractApi();
    const { body } = await post(api, PACKAGES, { offer: "hundred", starts_at: DECEMBER });
    const code = async (id: unknown, at: string) =>
      (await post(api, `${PACKAGES}/${id}/refund`, { at })).body["code"];
    expect(await code(body["prepaid_id"], "2026-11-30T23:00Z")).toBe("API_TIMES_REVERSED");
    expect(await code(body["prepaid_id"], "2026-12-31T00:00Z")).toBe("CONTRACT_OVER");
    expect(await code("nothing", DECEMBER)).toBe("API_NOT_FOUND");
  });
});

describe("a change", () => {
  it("never takes effect in an hour that a finalised invoice covers", async () => {
    const api = await contractApi();
    const { body: subscription } = await subscribe(api, "2026-11-01T00:00Z");
    await post(api, PACKAGES, { offer: "hundred", starts_at: DECEMBER });
    const contract = await contractOf(api.pricing, "initech");
    if (contract === null) throw new Error("no contract");
    const { books } = contract;
    const tenant = { ...contract, name: "", action: "created", about: "" } as const;
    const terms = { books, invoicedUntil: hour(DECEMBER) };
    const ends = (at: number) => endSubscription(tenant, String(subscription["subscription_id"]), at, terms);
    const buys = (starts_at: number) => buy(tenant, { prepaid_id: "p", starts_at, offer: "hundred" }, terms);
    const refunds = (at: number) =>
      refund(tenant, String(contract.prepaid[0]?.prepaid_id), at, { invoicedUntil: hour(DECEMBER) + 3600 });
    const subscribes = (from: number) =>
      changeOf(
        { ...tenant, subscriptions: [] },
        { subscription_id: "s", plan: "scale", from, to: null },
        terms,
      );
    for (const change of [ends, buys, subscribes]) {
      expect(change(hour(DECEMBER) - 3600)).toMatchObject({ refusal: "CONTRACT_INVOICED" });
      expect(change(hour(DECEMBER))).toHaveProperty("part");
    }
    expect(refunds(hour(DECEMBER))).toMatchObject({ refusal: "CONTRACT_INVOICED" });
    expect(refunds(hour(DECEMBER) + 3600)).toHaveProperty("part");
  });

  it("meant for another version than the newest is refused, and so is one of two at once", async () => {
    const api = await contractApi();
    const plan = { plan: "scale", from: DECEMBER, to: null };
    expect(await post(api, SUBSCRIPTIONS, { ...plan, version: 2 })).toMatchObject({
      status: 409,
      body: { code: "API_VERSION_STALE" },
    });
    expect((await post(api, SUBSCRIPTIONS, { ...plan, version: 1 })).status).toBe(201);
    const { documents } = api.pricing;
    const append = documents.append.bind(documents);
    documents.append = async (written) => {
      // Somebody else is a little faster.
      const made = typeof written === "function" ? await written() : written;
      await append(made.filter(({ kind }) => kind === "tenant"));
      return append(made);
    };
    const late = await post(api, PACKAGES, { offer: "hundred", starts_at: DECEMBER });
    expect(late).toMatchObject({ status: 409, body: { code: "API_VERSION_STALE" } });
    expect((await api.ask("operator", { url: INITECH })).body["version"]).toBe(3);
  });

  it("is done once for its Idempotency-Key, and another under the same key is refused", async () => {
    const api = await contractApi();
    const key = { "idempotency-key": "purchase-1" };
    const buy = (offer: string) => post(api, PACKAGES, { offer, starts_at: DECEMBER }, key);
    const first = await buy("hundred");
    expect((await buy("hundred")).body).toEqual(first.body);
    expect(await buy("prepay")).toMatchObject({ status: 409, body: { code: "API_IDEMPOTENCY_KEY_USED" } });
    expect(await items(api, PACKAGES)).toHaveLength(1);
  });

  it("is the operators' business", async () => {
    const api = await testApi();
    for (const url of ["/v1/tenants", "/v1/tenants/acme/subscriptions", "/v1/tenants/acme/packages"]) {
      expect((await api.ask("acme", { method: "POST", url, payload: {} })).body["code"]).toBe(
        "API_SCOPE_MISSING",
      );
    }
  });
});
