import { describe, expect, it } from "vitest";
import { problem } from "../../../services/adapters/http/problem.ts";
import { createTurns } from "../../../services/billing/quotes/what-if.ts";
import type { StoredUsage } from "../../../services/domain/ports/history.ts";
import { bookDocument, bookWith } from "../../support/builders/price-books.ts";
import { secondsOfUsage } from "../../support/builders/tenant-hours.ts";
import { memoryHistory } from "../../support/doubles/memory-history.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";
import { DECEMBER_FROM, invoicingApi, NOVEMBER_FROM, post } from "../../support/flows/tenant-api.ts";

const HOUR = Date.parse("2026-11-23T10:00:00Z") / 1000;
const DAY = { from: "2026-11-23T00:00Z", to: "2026-11-24T00:00Z" };
const [CARD] = bookDocument()["gpus"] as [Record<string, unknown>];
const DEARER = {
  ...bookDocument(),
  name: "dearer",
  effective_from: "2027-06-01T00:00:00Z",
  gpus: [{ ...CARD, rate_per_gpu_hour: "5" }],
};

const usageOf = (tenant_id: string, hours = 1): StoredUsage[] =>
  Array.from({ length: hours }, (_, index) => ({
    hour: HOUR + 3_600 * index,
    revision: 1,
    row: secondsOfUsage(3_600, { tenant_id }),
  }));

async function open(usage: readonly StoredUsage[]) {
  const api = await testApi({ history: memoryHistory({ sessions: [], usage, sales: [] }) });
  const draft = async (payload: object) => {
    const { body } = await api.ask("operator", { method: "POST", url: "/v1/price-books", payload });
    return String(body["price_book"]);
  };
  const publish = async (payload: object) => {
    const price_book = await draft(payload);
    await api.ask("operator", { method: "POST", url: `/v1/price-books/${price_book}/publish` });
    return price_book;
  };
  await publish(bookDocument());
  return { api, draft, publish };
}

type Who = "acme" | "operator";
const whatIf = (api: TestApi, payload: object, who: Who = "operator", page = "") =>
  api.ask(who, { method: "POST", url: `/v1/what-if${page}`, payload: { ...DAY, ...payload } });
const simulate = (api: TestApi, price_book: string, payload: object = {}, who: Who = "operator") =>
  api.ask(who, {
    method: "POST",
    url: `/v1/price-books/${price_book}/simulate`,
    payload: { ...DAY, ...payload },
  });

describe("what-if", () => {
  it("tells the difference by tenant and line, of a candidate in the body", async () => {
    const { api } = await open([...usageOf("acme", 2), ...usageOf("globex")]);
    const { status, body } = await whatIf(api, { candidate: DEARER });
    expect([status, body]).toMatchObject([
      200,
      {
        name: "dearer",
        items: [
          {
            tenant_id: "acme",
            total: { before: "3.875000000000", after: "7.750000000000", difference: "3.875000000000" },
            lines: [{ kind: "usage", difference: "3.875000000000" }],
            other_lines: { count: 0, before: "0.000000000000" },
            unrated: { before: 0, after: 0 },
            faults: [],
          },
          { tenant_id: "globex", total: { difference: "1.937500000000" } },
        ],
        page_total: { before: "5.812500000000", after: "11.625000000000", difference: "5.812500000000" },
        next_cursor: null,
      },
    ]);
    expect((await api.ask("operator", { url: "/v1/price-books" })).body.items).toHaveLength(1);
  });

  it("goes on page by page, and adds up what a page has", async () => {
    const { api } = await open([...usageOf("acme"), ...usageOf("b"), ...usageOf("c")]);
    const first = await whatIf(api, { candidate: DEARER }, "operator", "?limit=2");
    expect(first.body["page_total"]).toMatchObject({ difference: "3.875000000000" });
    const cursor = first.body["next_cursor"];
    const rest = await whatIf(api, { candidate: DEARER }, "operator", `?limit=2&cursor=${cursor}`);
    const names = [...first.body.items, ...rest.body.items].map((it) => it["tenant_id"]);
    expect([names, rest.body["next_cursor"]]).toEqual([["acme", "b", "c"], null]);
  });

  it("says what the candidate has no price for, and why a tenant cannot be compared", async () => {
    const { api } = await open(usageOf("acme"));
    const gpus = [{ ...CARD, gpu_model: "B200" }];
    const { body } = await whatIf(api, { candidate: { ...DEARER, gpus } });
    expect(body.items).toMatchObject([
      { unrated: { before: 0, after: 1 }, total: { after: "0.000000000000" } },
    ]);
    const euros = await whatIf(api, { candidate: { ...DEARER, currency: "EUR" } });
    expect(euros.body.items).toMatchObject([
      { total: null, lines: [], faults: [{ code: "SETTLEMENT_CURRENCY" }] },
    ]);
    expect(euros.body["page_total"]).toMatchObject({ difference: "0.000000000000" });
  });

  it("takes packages as earlier invoices left them", async () => {
    const half = { name: "half", unit: "composite_gpu_hour", quantity: "0.5", price: "1", valid_hours: 8760 };
    const usage = usageOf("acme").map((it) => ({ ...it, hour: Date.parse(DECEMBER_FROM) / 1000 }));
    const history = memoryHistory({ sessions: [], usage, sales: [] });
    const api = await invoicingApi({ history }, bookWith({ prepaid: [half] }));
    const december = { from: DECEMBER_FROM, to: "2026-12-02T00:00Z", candidate: DEARER };
    const compare = async () => (await whatIf(api, december)).body.items;
    await post(api, "/v1/tenants", { tenant_id: "acme", name: "Acme", currency: "USD" });
    await post(api, "/v1/tenants/acme/packages", { offer: "half", starts_at: "2026-10-31T00:00Z" });
    // 0.275 units on demand, at 2.50 or at 5.
    expect(await compare()).toMatchObject([{ total: { before: "0.687500000000", after: "1.375000000000" } }]);
    api.use("acme", 10, 3_600);
    await api.invoice(NOVEMBER_FROM);
    expect(await compare()).toMatchObject([{ total: { before: "1.937500000000", after: "3.875000000000" } }]);
  });

  it("names every fault of the candidate, as for books", async () => {
    const { api } = await open(usageOf("acme"));
    const candidate = {
      ...DEARER,
      currency: "dollars",
      gpus: [{ ...CARD, rate_per_gpu_hour: "5.0000000000001" }],
    };
    const { status, body } = await whatIf(api, { candidate });
    expect([status, body["code"]]).toEqual([422, "BOOK_INVALID"]);
    const codes = (body["faults"] as { code: string }[]).map(({ code }) => code);
    expect(codes.toSorted()).toEqual(["PRICE_BOOK_CURRENCY", "PRICE_BOOK_TOO_MANY_DIGITS"]);
  });

  it("a tenant asks for itself, about published books only", async () => {
    const { api, draft, publish } = await open([...usageOf("acme"), ...usageOf("globex")]);
    const published = await publish(DEARER);
    const { body } = await whatIf(api, { price_book: published }, "acme");
    expect(body.items.map((it) => it["tenant_id"])).toEqual(["acme"]);
    expect(JSON.stringify(body)).not.toContain("globex");
    const hidden = await draft({ ...DEARER, name: "secret" });
    expect(await whatIf(api, { price_book: hidden }, "acme")).toMatchObject({ status: 404 });
    expect(await whatIf(api, { price_book: published, tenant_id: "globex" }, "acme")).toMatchObject({
      status: 404,
    });
    expect(await whatIf(api, { candidate: DEARER }, "acme")).toMatchObject({
      status: 403,
      body: { code: "API_SCOPE_MISSING" },
    });
  });

  it.each([
    ["reversed dates", { from: DAY.to, to: DAY.from, candidate: DEARER }, 400, "API_TIMES_REVERSED"],
    ["two months", { to: "2027-01-24T00:00Z", candidate: DEARER }, 400, "API_RANGE_TOO_LONG"],
    ["a day that is none", { from: "2026-02-31T00:00Z", candidate: DEARER }, 400, "API_REQUEST_INVALID"],
    ["no book", {}, 400, "API_REQUEST_INVALID"],
    ["two books", { candidate: DEARER, price_book: "0".repeat(64) }, 400, "API_REQUEST_INVALID"],
    ["an unknown book", { price_book: "0".repeat(64) }, 404, "API_NOT_FOUND"],
    ["an unknown tenant", { candidate: DEARER, tenant_id: "nobody" }, 404, "API_NOT_FOUND"],
    ["a number for a book", { candidate: 7 }, 422, "BOOK_INVALID"],
  ])("%s: refused", async (_what, payload, status, code) => {
    const { api } = await open(usageOf("acme"));
    expect(await whatIf(api, payload)).toMatchObject({ status, body: { code } });
  });

  it("more rows than are rated at once are refused, with how many there are", async () => {
    const usage = Array.from({ length: 20_001 }, () => usageOf("acme")[0] as StoredUsage);
    const { api } = await open(usage);
    const { status, body } = await whatIf(api, { candidate: DEARER });
    expect([status, body["code"]]).toEqual([422, "WHAT_IF_TOO_MUCH"]);
    expect(body["detail"]).toContain("20001 rows");
  });
});

describe("simulate", () => {
  it("tries a draft before it is published, and leaves it a draft", async () => {
    const { api, draft } = await open(usageOf("acme"));
    const price_book = await draft(DEARER);
    const { body } = await simulate(api, price_book);
    expect(body.items).toMatchObject([{ tenant_id: "acme", total: { difference: "1.937500000000" } }]);
    const book = await api.ask("operator", { url: `/v1/price-books/${price_book}` });
    expect(book.body["status"]).toBe("draft");
  });

  it("is the operators', and about books that are there", async () => {
    const { api, draft } = await open([]);
    const price_book = await draft(DEARER);
    expect((await simulate(api, price_book, {}, "acme")).status).toBe(403);
    expect((await simulate(api, "0".repeat(64))).status).toBe(404);
    expect((await simulate(api, price_book)).body.items).toEqual([]);
    const reversed = await simulate(api, price_book, { from: DAY.to, to: DAY.from });
    expect(reversed.body["code"]).toBe("API_TIMES_REVERSED");
  });
});

it("comparisons take turns, and too many that wait are sent away", async () => {
  const turns = createTurns();
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`begin ${name}`);
    await Promise.resolve();
    log.push(`end ${name}`);
    if (name === "0") throw new Error("failed");
    return name;
  };
  const all = await Promise.allSettled(Array.from({ length: 9 }, (_, index) => turns(work(String(index)))));
  expect(log.slice(0, 4)).toEqual(["begin 0", "end 0", "begin 1", "end 1"]);
  expect(all[0]?.status).toBe("rejected");
  expect(all[7]).toMatchObject({ value: "7" });
  expect(all[8]).toMatchObject({ value: problem("API_UNAVAILABLE", "too many comparisons are waiting") });
  expect(await turns(work("again"))).toBe("again");
});
