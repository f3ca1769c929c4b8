import { describe, expect, it } from "vitest";
import type { SessionPart } from "../../../services/domain/insight/measured-sessions.ts";
import type { History } from "../../../services/domain/ports/history.ts";
import { bookDocument, H100 } from "../../support/builders/price-books.ts";
import { secondsOfUsage } from "../../support/builders/tenant-hours.ts";
import { memoryHistory, sessionPart } from "../../support/doubles/memory-history.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";
import { post, publishBook } from "../../support/flows/tenant-api.ts";

const ENDED_MS = Date.parse("2026-11-23T10:20:00Z");
const WORKLOAD = { model: "synthetic-7b", gpu_model: H100, requests: "1" };
const HOUR = "1.937500000000";

/** The sums of so many hours of an H100. */
function hours(count: number) {
  const { gpu_time_ns, memory_time_byte_ns, energy_uj } = secondsOfUsage(3_600 * count);
  return { gpu_time_ns, memory_time_byte_ns, energy_uj };
}

/** So many sessions of a tenant, of 1, 2, 3 … hours of an H100 at 1.9375 each, 20 tokens out. */
function sessionsOf(tenant_id: string, count: number, changes: Partial<SessionPart> = {}): SessionPart[] {
  return Array.from({ length: count }, (_, index) =>
    sessionPart(`${tenant_id}-${index}`, ENDED_MS, {
      ...hours(index + 1),
      tenant_id,
      tokens_in: 100n,
      tokens_out: 20n,
      ...changes,
    }),
  );
}

async function open(sessions: readonly SessionPart[], wrap = (history: History) => history) {
  const api = await testApi({ history: wrap(memoryHistory({ sessions, usage: [], sales: [] })) });
  const draft = await api.ask("operator", {
    method: "POST",
    url: "/v1/price-books",
    payload: bookDocument(),
  });
  const url = `/v1/price-books/${draft.body["price_book"]}/publish`;
  expect((await api.ask("operator", { method: "POST", url })).status).toBe(200);
  return api;
}

const quote = (api: TestApi, changes: object = {}, who: "acme" | "operator" = "acme") =>
  api.ask(who, { method: "POST", url: "/v1/quotes", payload: { ...WORKLOAD, ...changes } });

const NO_MONEY = { expected: null, p50: null, p90: null, samples: 0, is_p90_sound: false };

describe("a quote", () => {
  it("rests on the tenant's own sessions where there are ten: mean, nearest rank, currency and book", async () => {
    const api = await open([...sessionsOf("acme", 10), ...sessionsOf("globex", 30)]);
    const { status, body } = await quote(api, { requests: "2" });
    expect([status, body]).toMatchObject([
      200,
      {
        kind: "quoted",
        tenant_id: "acme",
        currency: "USD",
        plan: "",
        from: "2026-11-23T12:00:00Z",
        // 5.5, 5 and 9 hours of 1.9375, twice.
        expected: "21.312500000000",
        p50: "19.375000000000",
        p90: "34.875000000000",
        samples: 10,
        is_p90_sound: true,
        history: { source: "tenant", from: "2026-11-23T10:00:00Z", to: "2026-11-23T11:00:00Z", age_ms: 0 },
      },
    ]);
  });

  it("scales to the tokens that are to be generated", async () => {
    const api = await open(sessionsOf("acme", 10));
    expect((await quote(api, { tokens_out: 10 })).body["p50"]).toBe("4.843750000000");
  });

  it("keeps to prompts of like length where there are ten of them, and says whether", async () => {
    const long = sessionsOf("acme", 10, { ...hours(10), tokens_in: 1_000n });
    const renamed = long.map((it) => ({ ...it, session_id: `long-${it.session_id}` }));
    const api = await open([...sessionsOf("acme", 10), ...renamed]);
    const like = await quote(api, { tokens_in: 1_500 });
    expect(like.body).toMatchObject({ expected: "19.375000000000", samples: 10 });
    expect(JSON.stringify(like.body["assumes"])).toContain("less than half or more than twice");
    const unlike = await quote(api, { tokens_in: 9_000 });
    expect(unlike.body).toMatchObject({ samples: 20 });
    expect(JSON.stringify(unlike.body["assumes"])).toContain("The length of prompts makes no difference");
  });

  it("prefers the project that is named, if it has ten", async () => {
    const project = sessionsOf("acme", 10, { project_id: "p", ...hours(1) });
    const api = await open([
      ...project.map((it) => ({ ...it, session_id: `p-${it.session_id}` })),
      ...sessionsOf("acme", 9),
    ]);
    const own = await quote(api, { project_id: "p" });
    expect(own.body).toMatchObject({ expected: HOUR, samples: 10, history: { source: "project" } });
    const other = await quote(api, { project_id: "q" });
    expect(other.body).toMatchObject({ samples: 19, history: { source: "tenant" } });
  });

  it("is unsound from fewer than ten, and says so", async () => {
    const api = await open(sessionsOf("acme", 3));
    expect((await quote(api)).body).toMatchObject({ samples: 3, is_p90_sound: false, p90: "5.812500000000" });
  });

  it("says that there is no history, and no number", async () => {
    const api = await open(sessionsOf("acme", 10));
    const { body } = await quote(api, { model: "never-served" });
    expect(body).toMatchObject({ kind: "no_history", ...NO_MONEY, history: { source: "none", from: null } });
    const free = await open(sessionsOf("acme", 10, { tokens_out: 0n }));
    expect((await quote(free, { tokens_out: 5 })).body).toMatchObject({ kind: "no_history", ...NO_MONEY });
  });

  it("is for the book that is in force in the hour of the quote", async () => {
    const api = await open(sessionsOf("acme", 10));
    const dearer = structuredClone(bookDocument()) as { gpus: { rate_per_gpu_hour: string }[] };
    for (const gpu of dearer.gpus) gpu.rate_per_gpu_hour = "5.00";
    const payload = { ...dearer, effective_from: "2027-01-01T00:00:00Z" };
    const draft = await api.ask("operator", { method: "POST", url: "/v1/price-books", payload });
    const url = `/v1/price-books/${draft.body["price_book"]}/publish`;
    await api.ask("operator", { method: "POST", url });
    expect((await quote(api)).body["p50"]).toBe("9.687500000000");
    const next = await quote(api, { from: "2027-01-01T00:00Z" });
    expect(next.body).toMatchObject({ p50: "19.375000000000", price_book: draft.body["price_book"] });
  });

  it("is for the tenant's plan from the hour on in which it has one", async () => {
    const api = await open(sessionsOf("acme", 10));
    const plans = [{ name: "scale", rates: [{ name: "r", unit: "gpu_hour", unit_price: "3" }] }];
    await publishBook(api, { plans, effective_from: "2026-12-01T00:00:00Z" });
    await post(api, "/v1/tenants", { tenant_id: "acme", name: "Acme", currency: "USD" });
    const agreed = { plan: "scale", from: "2026-12-01T00:00Z", to: null };
    expect((await post(api, "/v1/tenants/acme/subscriptions", agreed)).status).toBe(201);
    const later = await quote(api, { from: "2026-12-24T00:00Z" });
    // The fifth session has five GPU-hours, whatever its composite.
    expect(later.body).toMatchObject({ plan: "scale", p50: "15.000000000000" });
    expect(JSON.stringify(later.body["assumes"])).toContain("Allowances, commitments, packages");
    expect((await quote(api)).body).toMatchObject({ plan: "", p50: "9.687500000000" });
  });

  it("says how old what it rests on is, and looks again after five minutes without letting anybody wait", async () => {
    let looks = 0;
    const counted = (history: History): History => ({
      ...history,
      sessions: async (...question) => {
        looks += 1;
        return history.sessions(...question);
      },
    });
    const api = await open(sessionsOf("acme", 10), counted);
    await Promise.all([quote(api), quote(api), quote(api)]);
    expect(looks).toBe(1);
    await api.clock.advance(299_000);
    expect((await quote(api)).body["history"]).toMatchObject({ age_ms: 299_000 });
    expect(looks).toBe(1);
    await api.clock.advance(2_000);
    expect((await quote(api)).body["history"]).toMatchObject({ age_ms: 301_000 });
    expect(looks).toBe(2);
    expect((await quote(api)).body["history"]).toMatchObject({ age_ms: 0 });
    await api.clock.advance(3_601_000);
    expect((await quote(api)).body["history"]).toMatchObject({ age_ms: 0 });
  });
});

describe("a tenant's quote tells nothing of another tenant", () => {
  const others = (count: number, each = 4) =>
    Array.from({ length: count }, (_, index) => sessionsOf(`other-${index}`, each)).flat();

  it("four others are not pooled: there is no history, or only its own", async () => {
    const api = await open(others(4));
    const { body } = await quote(api);
    expect(body).toMatchObject({ kind: "no_history", ...NO_MONEY, history: { source: "none" } });
    expect(JSON.stringify(body)).not.toContain("other-");
    const own = await open([...others(4), ...sessionsOf("acme", 2)]);
    expect((await quote(own)).body).toMatchObject({ samples: 2, history: { source: "tenant" } });
  });

  it("five others are, to two digits and over whole days", async () => {
    const api = await open([...others(5), ...sessionsOf("acme", 2)]);
    const { body } = await quote(api, { requests: "3" });
    expect(body).toMatchObject({
      samples: 20,
      // 2.5, 2 and 4 hours of 1.9375 are 4.84375, 3.875 and 7.75.
      expected: "14.400000000000",
      p50: "11.700000000000",
      p90: "23.400000000000",
      history: { source: "pool", from: "2026-10-24T00:00:00Z", to: "2026-11-24T00:00:00Z" },
    });
    expect(JSON.stringify(body)).not.toContain("other-");
  });

  it("the one who asks is not one of the five", async () => {
    const api = await open([...others(4, 9), ...sessionsOf("acme", 9)]);
    expect((await quote(api)).body).toMatchObject({ samples: 9, history: { source: "tenant" } });
  });

  it("an operator gets the same for a tenant, and everybody's for nobody", async () => {
    const api = await open(others(4));
    expect((await quote(api, { tenant_id: "acme" }, "operator")).body["kind"]).toBe("no_history");
    expect((await quote(api, {}, "operator")).body).toMatchObject({
      samples: 16,
      tenant_id: "",
      history: { source: "everybody" },
    });
    expect(await quote(api, { tenant_id: "other-1" })).toMatchObject({
      status: 404,
      body: { code: "API_NOT_FOUND" },
    });
  });
});

describe("what cannot be quoted", () => {
  it.each([
    [{ requests: "1000000000" }, 400, "API_REQUEST_INVALID"],
    [{ requests: "0" }, 400, "API_REQUEST_INVALID"],
    [{ requests: 5 }, 400, "API_REQUEST_INVALID"],
    [{ requests: "1.5" }, 400, "API_REQUEST_INVALID"],
    [{ tokens_out: -1 }, 400, "API_REQUEST_INVALID"],
    [{ tokens_out: 2 ** 32 }, 400, "API_REQUEST_INVALID"],
    [{ model: "" }, 400, "API_REQUEST_INVALID"],
    [{ colour: "red" }, 400, "API_REQUEST_INVALID"],
    [{ from: "2026-02-31T00:00Z" }, 400, "API_REQUEST_INVALID"],
    [{ from: "2025-01-01T00:00Z" }, 422, "QUOTE_NO_PRICE"],
    [{ gpu_model: "B200" }, 422, "QUOTE_NO_PRICE"],
    [{ mig_profile: "1g.10gb" }, 422, "QUOTE_NO_PRICE"],
  ])("%j", async (changes, status, code) => {
    const api = await open(sessionsOf("acme", 10));
    expect(await quote(api, changes)).toMatchObject({ status, body: { code } });
  });
});
