// P9 over HTTP, and what every route has in common: keys, scopes, problems, pages, ETags, rates and idempotency.

import { describe, expect, it } from "vitest";
import { EVENT } from "../../support/builders/ledger-rows.ts";
import { bookDocument } from "../../support/builders/price-books.ts";
import { testApi } from "../../support/flows/pricing-api.ts";

const DAY = "from=2026-11-23T00:00Z&to=2026-11-24T00:00Z";
const CHARGE = "/v1/charges/2026112310-1-1-000000000000000000000001";
const FOREIGN = "/v1/charges/2026112310-1-1-000000000000000000000003";
const OPERATORS_OWN = "/v1/charges/2026112310-1-1-000000000000000000000004";

describe("keys", () => {
  it("nothing but the description is there without a key", async () => {
    const { ask } = await testApi();
    expect((await ask("nobody", { url: "/openapi.json" })).status).toBe(200);
    const { status, headers, body } = await ask("nobody", { url: `/v1/charges?${DAY}` });
    expect([status, body["code"]]).toEqual([401, "API_KEY_MISSING"]);
    expect(headers["content-type"]).toMatch(/^application\/problem[+]json/);
    expect(headers["www-authenticate"]).toBe("Bearer");
  });

  it("a key that was not made here is refused, and so is a true id with another secret", async () => {
    const { ask, keys } = await testApi();
    const forged = [keys.admin.replace(/.$/, (it) => (it === "0" ? "1" : "0")), "mh_x", "Bearer", "'; --"];
    for (const key of forged) {
      const headers = { authorization: `Bearer ${key}` };
      const { status } = await ask("nobody", { url: "/v1/keys", headers });
      expect(status, key).toBe(401);
    }
  });

  it("only hashes are stored, and no answer has any of them", async () => {
    const { ask, keys, pricing } = await testApi();
    const stored = JSON.stringify(await pricing.documents.list("api_key", "", 10));
    for (const key of Object.values(keys)) expect(stored).not.toContain(key.slice(16));
    const { body } = await ask("admin", { url: "/v1/keys" });
    expect(body.items).toHaveLength(3);
    expect(JSON.stringify(body)).not.toMatch(/hash/);
  });

  it("a revoked key is refused within five seconds, and it stays in the list", async () => {
    const { ask, keys, clock } = await testApi();
    const id = keys.acme.split("_")[1];
    const { status, body } = await ask("admin", { method: "DELETE", url: `/v1/keys/${id}` });
    expect([status, body["is_revoked"]]).toEqual([200, true]);
    await clock.advance(5_000);
    expect((await ask("acme", { url: `/v1/charges?${DAY}` })).status).toBe(401);
    expect((await ask("admin", { url: "/v1/keys" })).body.items).toHaveLength(3);
    expect((await ask("admin", { method: "DELETE", url: "/v1/keys/000000000000" })).status).toBe(404);
  });

  it("each scope has its routes", async () => {
    const { ask } = await testApi();
    const refused = async (who: "acme" | "operator", url: string) => (await ask(who, { url })).body["code"];
    expect(await refused("acme", "/v1/rejected-events")).toBe("API_SCOPE_MISSING");
    expect(await refused("acme", `/v1/hours?${DAY}`)).toBe("API_SCOPE_MISSING");
    expect(await refused("operator", "/v1/keys")).toBe("API_SCOPE_MISSING");
    const payload = { reason: "mine" };
    const { status } = await ask("acme", { method: "POST", url: `/v1/events/${EVENT}/void`, payload });
    expect(status).toBe(403);
  });
});

describe("a tenant sees only its own", () => {
  it("in lists, whatever it asks for", async () => {
    const { ask } = await testApi();
    const own = await ask("acme", { url: `/v1/charges?${DAY}` });
    expect(own.body.items.map(({ billed_to }) => billed_to)).toEqual(["acme", "acme"]);
    for (const path of ["/v1/charges", "/v1/accounting", "/v1/usage"]) {
      const range = path === "/v1/usage" ? "" : `${DAY}&`;
      const { status, body } = await ask("acme", { url: `${path}?${range}tenant_id=globex` });
      expect([status, body["code"]], path).toEqual([404, "API_NOT_FOUND"]);
    }
    expect((await ask("operator", { url: `/v1/charges?${DAY}` })).body.items).toHaveLength(4);
    const named = await ask("operator", { url: `/v1/charges?${DAY}&tenant_id=globex` });
    expect(named.body.items.map(({ billed_to }) => billed_to)).toEqual(["globex"]);
    expect((await ask("acme", { url: `/v1/accounting?${DAY}` })).body.items).toHaveLength(1);
  });

  it.each([FOREIGN, `${FOREIGN}/sessions`, `${FOREIGN}/events`, OPERATORS_OWN])(
    "%s is not there for it, rather than forbidden",
    async (url) => {
      const { ask } = await testApi();
      expect(await ask("acme", { url })).toMatchObject({ status: 404, body: { code: "API_NOT_FOUND" } });
      expect((await ask("operator", { url })).status).toBe(200);
    },
  );

  it("drafts of price books are the operators' business", async () => {
    const { ask } = await testApi();
    const draft = await ask("operator", { method: "POST", url: "/v1/price-books", payload: bookDocument() });
    const url = `/v1/price-books/${draft.body["price_book"]}`;
    expect((await ask("acme", { url })).status).toBe(404);
    expect((await ask("operator", { url })).status).toBe(200);
    await ask("operator", { method: "POST", url: `${url}/publish` });
    expect((await ask("acme", { url })).status).toBe(200);
  });
});

describe("requests", () => {
  it.each([
    ["/v1/charges", "API_REQUEST_INVALID"],
    [`/v1/charges?${DAY}&limit=0`, "API_REQUEST_INVALID"],
    [`/v1/charges?${DAY}&limit=1001`, "API_REQUEST_INVALID"],
    [`/v1/charges?${DAY}&limit=1&limit=2`, "API_REQUEST_INVALID"],
    [`/v1/charges?${DAY}&colour=red`, "API_REQUEST_INVALID"],
    [`/v1/charges?${DAY}&cursor=nonsense`, "API_CURSOR_INVALID"],
    [`/v1/charges?${DAY}&cursor=${Buffer.from('["x"]').toString("base64url")}`, "API_CURSOR_INVALID"],
    ["/v1/charges?from=2026-02-31T00:00Z&to=2026-03-02T00:00Z", "API_REQUEST_INVALID"],
    ["/v1/charges?from=9999-01-01T00:00Z&to=9999-01-02T00:00Z", "API_REQUEST_INVALID"],
    ["/v1/charges?from=1900-01-01T00:00Z&to=1900-01-02T00:00Z", "API_REQUEST_INVALID"],
    ["/v1/charges?from=2026-11-24T00:00Z&to=2026-11-23T00:00Z", "API_TIMES_REVERSED"],
    ["/v1/charges?from=2025-11-24T00:00Z&to=2026-11-23T00:00Z", "API_RANGE_TOO_LONG"],
    ["/v1/hours/2026-11-23T10:30:00Z/verify", "API_REQUEST_INVALID"],
    ["/v1/hours/%E0%A4%A/verify", "API_REQUEST_INVALID"],
    ["/v1/usage", "API_REQUEST_INVALID"],
    ["/v1/nothing", "API_ROUTE_UNKNOWN"],
    [CHARGE.replace("1-1", "9-9"), "API_NOT_FOUND"],
  ])("%s: %s", async (url, code) => {
    const { ask } = await testApi();
    expect((await ask("operator", { url })).body["code"]).toBe(code);
  });

  it("every fault has its place", async () => {
    const { ask } = await testApi();
    const { body } = await ask("operator", { url: `/v1/charges?${DAY}&limit=many` });
    expect(body["faults"]).toEqual([expect.objectContaining({ path: "querystring/limit", code: "pattern" })]);
  });

  it("bodies are JSON of a bounded size", async () => {
    const { ask } = await testApi();
    const url = `/v1/events/${EVENT}/void`;
    const send = async (payload: string, type = "application/json") => {
      const answer = await ask("operator", {
        method: "POST",
        url,
        payload,
        headers: { "content-type": type },
      });
      return answer.body["code"];
    };
    expect(await send("{")).toBe("API_REQUEST_INVALID");
    expect(await send("")).toBe("API_REQUEST_INVALID");
    expect(await send('{"reason":"x","__proto__":{"admin":true}}')).toBe("API_REQUEST_INVALID");
    expect(await send('{"reason":5}')).toBe("API_REQUEST_INVALID");
    expect(await send('{"reason":"   "}')).toBe("API_REQUEST_INVALID");
    expect(await send("{}", "text/plain")).toBe("API_MEDIA_TYPE");
    expect(await send("<x/>", "application/xml")).toBe("API_MEDIA_TYPE");
    expect(await send(JSON.stringify({ reason: "x".repeat(300_000) }))).toBe("API_BODY_TOO_LARGE");
  });

  it("too many of one key wait, and say how long; other keys do not", async () => {
    const { ask, clock } = await testApi({ rate: { perSecond: 1, burst: 2 } });
    const url = `/v1/charges?${DAY}`;
    const statuses: Awaited<ReturnType<typeof ask>>[] = [];
    for (let i = 0; i < 3; i++) statuses.push(await ask("acme", { url }));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(statuses[2]?.headers["retry-after"]).toBe("1");
    expect((await ask("operator", { url })).status).toBe(200);
    await clock.advance(1_000);
    expect((await ask("acme", { url })).status).toBe(200);
  });

  it("keys cannot be tried out: whoever has none is limited by address", async () => {
    const { ask } = await testApi({ rate: { perSecond: 1, burst: 3 } });
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push((await ask("nobody", { url: "/v1/keys" })).status);
    expect(answers).toEqual([401, 401, 401, 429]);
  });

  it("what is away is a 503 to try again, and what must not happen a 500 that says nothing", async () => {
    for (const [isRetriable, status, code] of [
      [true, 503, "API_UNAVAILABLE"],
      [false, 500, "API_INTERNAL"],
    ] as const) {
      const { pricing } = await testApi();
      const ledger = {
        ...pricing.ledger,
        charges: () => Promise.reject(new Error("password of the database")),
      };
      const { ask } = await testApi({ ledger, isRetriable: () => isRetriable });
      const answer = await ask("acme", { url: `/v1/charges?${DAY}` });
      expect([answer.status, answer.body["code"]]).toEqual([status, code]);
      expect(JSON.stringify(answer.body)).not.toContain("password");
    }
  });
});

describe("pages", () => {
  it("go on where the one before ended, until there is no cursor", async () => {
    const { ask } = await testApi();
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body } = await ask("operator", { url: `/v1/charges?${DAY}&limit=3${after}` });
      seen.push(...body.items.map(({ charge_id }) => String(charge_id)));
      cursor = body["next_cursor"] as string | null;
    }
    expect(seen.map((id) => id.slice(-1))).toEqual(["1", "2", "3", "4"]);
  });
});

describe("what never changes", () => {
  it("has an ETag, and is not sent again to who has it", async () => {
    const { ask } = await testApi();
    const old = "/v1/charges/2026112310-1-1-000000000000000000000005";
    const { headers } = await ask("acme", { url: old });
    expect(headers["etag"]).toBe(`"${old.slice("/v1/charges/".length)}"`);
    const again = await ask("acme", { url: old, headers: { "if-none-match": String(headers["etag"]) } });
    expect(again.status).toBe(304);
    expect((await ask("acme", { url: CHARGE })).headers["etag"]).toBeUndefined();
  });
});

describe("an Idempotency-Key", () => {
  const url = "/v1/price-books";
  const draft = (key: string, payload: object) => ({
    method: "POST" as const,
    url,
    payload,
    headers: { "idempotency-key": key },
  });

  it("is needed", async () => {
    const { api, keys } = await testApi();
    const headers = { authorization: `Bearer ${keys.operator}` };
    const answer = await api.inject({ method: "POST", url, payload: bookDocument(), headers });
    expect(answer.json()).toMatchObject({ code: "API_REQUEST_INVALID" });
  });

  it("repeats the answer to the same request, and refuses another one", async () => {
    const { ask } = await testApi();
    const first = await ask("operator", draft("k", bookDocument()));
    expect(first.status).toBe(201);
    expect((await ask("operator", draft("k", bookDocument()))).body).toEqual(first.body);
    const other = await ask("operator", draft("k", { ...bookDocument(), name: "another" }));
    expect([other.status, other.body["code"]]).toEqual([409, "API_IDEMPOTENCY_KEY_USED"]);
    expect((await ask("admin", draft("k", { ...bookDocument(), name: "another" }))).status).toBe(201);
  });

  it("gives both of two requests at once the same answer, and does the work once", async () => {
    const { ask, pricing } = await testApi();
    const [one, two] = await Promise.all([
      ask("operator", draft("k", bookDocument())),
      ask("operator", draft("k", bookDocument())),
    ]);
    expect(one.body).toEqual(two.body);
    expect(await pricing.documents.versions("price_book", String(one.body["price_book"]), 5)).toHaveLength(1);
  });

  it("may be used again after a refusal", async () => {
    const { ask } = await testApi();
    expect((await ask("operator", draft("k", {}))).status).toBe(422);
    expect((await ask("operator", draft("k", bookDocument()))).status).toBe(201);
  });
});
