// Budgets on live spending: what is left, alerts once a threshold, and webhooks until they arrive or are too old.

import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { raiseAlerts } from "../../../services/billing/budgets/alerts.ts";
import { usageSums } from "../../../services/domain/closing/usage.ts";
import { parseStoredDecimal } from "../../../services/domain/money/stored-decimal.ts";
import type { SpendRecords } from "../../../services/domain/ports/usage-totals.ts";
import { parseHour } from "../../../services/domain/time/hour.ts";
import { bookDocument, H100 } from "../../support/builders/price-books.ts";
import { alertDeps, contractApi, post, publishBook, WEBHOOK_KEY } from "../../support/flows/tenant-api.ts";
import { type Receiver, startReceiver } from "../../support/stack/webhook-receiver.ts";

const BUDGET = { tenant_id: "acme", name: "Acme in all", period: "month", amount: "10" };
const THRESHOLDS = [50, 80, 100];
const DAY = parseHour("2026-11-23T00:00:00Z") ?? 0;
const COUNTED = 1_795_437_294_789;
const DIGITS = ".000000000000";

/** A part of what the ledger says of spending. */
type Part =
  | { readonly rated: SpendRecords["rated"][number] }
  | { readonly waiting: SpendRecords["waiting"][number] }
  | { readonly counted_until: number };

const rated = (amount: string, changes: Partial<SpendRecords["rated"][number]> = {}): Part => {
  const decimal = parseStoredDecimal(amount);
  return { rated: { day: DAY, project_id: "p1", currency: "USD", amount: decimal, ...changes } };
};
const counted: Part = { counted_until: COUNTED };
/** So many hours of an H100 with nothing but time to pay for: 0.6 x 2.50 an hour. */
const waiting = (hours: bigint, hour = DAY + 12 * 3600): Part => {
  const key = { project_id: "p1", model: "m", gpu_model: H100, sharing: "exclusive", phase: "inference" };
  const sums = usageSums((name) => {
    if (name === "events") return 1n;
    return name === "gpu_time_ns" ? hours * 3_600_000_000_000n : 0n;
  });
  return { waiting: { ...key, outcome: "ok", ...sums, hour } };
};

function recordsOf(parts: readonly Part[]): SpendRecords {
  return {
    rated: parts.flatMap((part) => ("rated" in part ? [part.rated] : [])),
    waiting: parts.flatMap((part) => ("waiting" in part ? [part.waiting] : [])),
    counted_until: parts.flatMap((part) => ("counted_until" in part ? [part.counted_until] : []))[0] ?? null,
  };
}

/** An API over spending that a test changes. */
async function open(...budgets: readonly object[]) {
  const api = await contractApi();
  const state = { spend: [counted] as Part[], queries: 0 };
  Object.assign(api.pricing.ledger, {
    spend: async () => {
      state.queries += 1;
      return recordsOf(state.spend);
    },
  });
  const ids: string[] = [];
  for (const budget of budgets) {
    const made = await post(api, "/v1/budgets", { ...BUDGET, thresholds_percent: THRESHOLDS, ...budget });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    ids.push(String(made.body["budget_id"]));
  }
  const status = async (query = "") =>
    (await api.ask("acme", { url: `/v1/budgets/${ids[0]}/status${query}` })).body;
  const alerts = async () => (await api.ask("acme", { url: "/v1/alerts" })).body.items;
  return { ...api, state, ids, status, alerts, raise: () => raiseAlerts(alertDeps(api.pricing)) };
}

describe("a budget", () => {
  it("is kept, seen by its tenant, and ended", async () => {
    const { ask, ids, ...api } = await open({}, { tenant_id: "initech" });
    const url = `/v1/budgets/${ids[0]}`;
    expect((await ask("acme", { url })).body).toMatchObject({
      currency: "USD",
      amount: `10${DIGITS}`,
      project_id: null,
      thresholds_percent: THRESHOLDS,
      has_webhook: false,
      is_ended: false,
      version: 1,
    });
    const list = async (who: "acme" | "operator", query = "") =>
      (await ask(who, { url: `/v1/budgets${query}` })).body.items.map(({ budget_id }) => budget_id);
    expect(await list("acme")).toEqual([ids[0]]);
    expect((await list("operator")).toSorted()).toEqual(ids.toSorted());
    expect(await list("operator", "?tenant_id=initech")).toEqual([ids[1]]);
    for (const foreign of [
      `/v1/budgets/${ids[1]}`,
      `/v1/budgets/${ids[1]}/status`,
      "/v1/budgets?tenant_id=initech",
    ]) {
      expect((await ask("acme", { url: foreign })).body["code"], foreign).toBe("API_NOT_FOUND");
    }
    const ended = await post({ ask, ...api }, `${url}/end`, {});
    expect(ended.body).toMatchObject({ is_ended: true, version: 2 });
    expect((await post({ ask, ...api }, `${url}/end`, {})).body).toMatchObject({ version: 2 });
    expect((await ask("acme", { method: "POST", url: `${url}/end`, payload: {} })).status).toBe(403);
  });

  it.each([
    [{ tenant_id: "nobody" }, "API_NOT_FOUND"],
    [{ amount: "-1" }, "API_REQUEST_INVALID"],
    [{ amount: "1.0000000000001" }, "API_REQUEST_INVALID"],
    [{ amount: 10 }, "API_REQUEST_INVALID"],
    [{ thresholds_percent: [] }, "API_REQUEST_INVALID"],
    [{ thresholds_percent: [0] }, "API_REQUEST_INVALID"],
    [{ thresholds_percent: [80, 80] }, "API_REQUEST_INVALID"],
    [{ period: "year" }, "API_REQUEST_INVALID"],
    [{ webhook_url: "ftp://example.com" }, "BUDGET_WEBHOOK"],
    [{ webhook_url: "http://example.com:80:80" }, "BUDGET_WEBHOOK"],
    [{ webhook_url: "http://10.0.0.1/" }, "BUDGET_WEBHOOK"],
  ])("with %j is refused: %s", async (changes, code) => {
    const api = await contractApi();
    const budget = { ...BUDGET, thresholds_percent: THRESHOLDS, ...changes };
    expect((await post(api, "/v1/budgets", budget)).body["code"]).toBe(code);
    expect((await api.ask("operator", { url: "/v1/budgets" })).body.items).toEqual([]);
  });
});

describe("what is left", () => {
  it("is the budget less charges and an estimate of what is not rated yet, each on its own", async () => {
    const { state, status } = await open({});
    state.spend = [counted, rated("4"), rated("1", { project_id: "p2" }), waiting(2n)];
    expect(await status()).toMatchObject({
      period_from: "2026-11-01T00:00:00Z",
      period_to: "2026-12-01T00:00:00Z",
      rated: `5${DIGITS}`,
      estimated: `3${DIGITS}`,
      estimated_hours: 1,
      spent: `8${DIGITS}`,
      left: `2${DIGITS}`,
      used: "0.800000000000",
      is_exhausted: false,
      counted_until: new Date(Number(COUNTED)).toISOString(),
      age_ms: Date.parse("2026-11-23T12:34:56.789Z") - Number(COUNTED),
    });
  });

  it("of a project or a day counts nothing else", async () => {
    const spend = [
      counted,
      rated("1"),
      rated("20", { project_id: "p2" }),
      rated("300", { day: DAY - 86_400 }),
      rated("4000", { currency: "EUR" }),
    ];
    const project = await open({ project_id: "p2" });
    project.state.spend = spend;
    expect(await project.status()).toMatchObject({
      spent: `20${DIGITS}`,
      left: `-10${DIGITS}`,
      is_exhausted: true,
    });
    const day = await open({ period: "day" });
    day.state.spend = spend;
    expect(await day.status()).toMatchObject({
      spent: `21${DIGITS}`,
      period_from: "2026-11-23T00:00:00Z",
      period_to: "2026-11-24T00:00:00Z",
    });
  });

  it("is queried once for all who ask meanwhile, and is no older than they allow", async () => {
    const { state, status, clock } = await open({}, {});
    state.spend = [counted, rated("1")];
    await Promise.all([status(), status(), status("?max_age_s=300")]);
    expect(state.queries).toBe(1);
    state.spend = [counted, rated("2")];
    await clock.advance(4_999);
    expect(await status()).toMatchObject({ spent: `1${DIGITS}` });
    await clock.advance(1);
    expect(await status("?max_age_s=300")).toMatchObject({ spent: `1${DIGITS}` });
    expect(await status()).toMatchObject({ spent: `2${DIGITS}` });
    expect(state.queries).toBe(2);
    await status("?max_age_s=0");
    expect(state.queries).toBe(3);
    expect(await status("?max_age_s=301")).toMatchObject({ code: "API_REQUEST_INVALID" });
  });

  it("is queried again after a failure", async () => {
    const { state, pricing, status } = await open({});
    const good = pricing.ledger.spend;
    Object.assign(pricing.ledger, { spend: () => Promise.reject(new Error("away")) });
    expect(await status()).toMatchObject({ code: "API_INTERNAL" });
    Object.assign(pricing.ledger, { spend: good });
    expect(await status()).toMatchObject({ spent: `0${DIGITS}` });
    expect(state.queries).toBe(1);
  });
});

describe("alerts", () => {
  it("are raised once for each threshold of a period, also after spending fell and rose again", async () => {
    const { state, raise, alerts, clock } = await open({});
    const raised: number[] = [];
    for (const amount of ["4.999999999999", "5", "7", "12", "3", "12"]) {
      state.spend = [counted, rated(amount)];
      raised.push((await raise()).raised);
      expect((await raise()).raised).toBe(0);
    }
    expect(raised).toEqual([0, 1, 0, 2, 0, 0]);
    expect((await alerts()).map((it) => [it["threshold_percent"], it["spent"]]).toSorted()).toEqual([
      [100, `12${DIGITS}`],
      [50, `5${DIGITS}`],
      [80, `12${DIGITS}`],
    ]);
    await clock.advance(9 * 86_400_000);
    state.spend = [counted, rated("12", { day: DAY + 9 * 86_400 })];
    expect((await raise()).raised).toBe(3);
    expect(await alerts()).toHaveLength(6);
  });

  it("come for a period that has just ended, and not for one before the budget or after its end", async () => {
    const { state, raise, clock, ids, ...api } = await open({ period: "day" });
    state.spend = [counted, rated("9", { day: DAY - 86_400 })];
    expect((await raise()).raised).toBe(0);
    await clock.advance(86_400_000);
    state.spend = [counted, rated("9")];
    expect((await raise()).raised).toBe(2);
    await post({ ...api, clock }, `/v1/budgets/${ids[0]}/end`, {});
    state.spend = [counted, rated("10")];
    expect((await raise()).raised).toBe(0);
  });

  it("of two runs at once are raised by one of them", async () => {
    const { state, raise, alerts } = await open({});
    state.spend = [counted, waiting(4n)];
    const runs = await Promise.all([raise(), raise()]);
    expect(runs.map(({ raised }) => raised).reduce((a, b) => a + b)).toBe(1);
    expect(await alerts()).toMatchObject([
      { threshold_percent: 50, estimated: `6${DIGITS}`, delivery: null },
    ]);
  });

  it("are their tenant's, and listed in pages", async () => {
    const { state, raise, ask, ids } = await open({}, { tenant_id: "initech" });
    state.spend = [counted, rated("8")];
    expect((await raise()).raised).toBe(4);
    const list = async (who: "acme" | "operator", query: string) =>
      (await ask(who, { url: `/v1/alerts${query}` })).body;
    expect((await list("acme", "")).items.map((it) => it["tenant_id"])).toEqual(["acme", "acme"]);
    expect((await list("acme", "?tenant_id=initech"))["code"]).toBe("API_NOT_FOUND");
    const first = await list("operator", "?limit=3");
    const rest = await list("operator", `?limit=3&cursor=${first["next_cursor"]}`);
    expect([first.items.length, rest.items.length]).toEqual([3, 1]);
    expect((await list("operator", `?budget_id=${ids[1]}`)).items).toHaveLength(2);
  });
});

describe("a webhook", () => {
  const hooked = async (receiver: Receiver) => {
    const opened = await open({ webhook_url: receiver.url, thresholds_percent: [50] });
    opened.state.spend = [counted, rated("5")];
    return opened;
  };
  const delivery = async ({ alerts }: Awaited<ReturnType<typeof open>>) => (await alerts())[0]?.["delivery"];

  it("that fails is sent again with the same id and body after growing pauses, and no more once it arrived", async () => {
    const receiver = await startReceiver(500, 302, 200);
    const opened = await hooked(receiver);
    const { raise, clock } = opened;
    expect(await raise()).toEqual({ raised: 1, delivered: 0, failed: 1, waiting: 1, given_up: 0 });
    await clock.advance(29_999);
    expect(await raise()).toMatchObject({ waiting: 1 });
    expect(receiver.received).toHaveLength(1);
    await clock.advance(1);
    await raise();
    expect(await delivery(opened)).toMatchObject({ state: "waiting", attempts: 2, said: "status 302" });
    await clock.advance(59_999);
    await raise();
    expect(receiver.received).toHaveLength(2);
    await clock.advance(1);
    expect(await raise()).toEqual({ raised: 0, delivered: 1, failed: 0, waiting: 0, given_up: 0 });
    await clock.advance(3_600_000);
    expect(await raise()).toEqual({ raised: 0, delivered: 0, failed: 0, waiting: 0, given_up: 0 });
    expect(await delivery(opened)).toMatchObject({ state: "delivered", attempts: 3, next_at: null });
    expect(receiver.received).toHaveLength(3);
    const [{ alert_id }] = (await opened.alerts()) as [{ alert_id: string }];
    for (const { headers, body } of receiver.received) {
      expect(headers["webhook-id"]).toBe(alert_id);
      expect(body).toBe(receiver.received[0]?.body);
      const signed = `${alert_id}.${headers["webhook-timestamp"]}.${body}`;
      const signature = createHmac("sha256", WEBHOOK_KEY).update(signed).digest("base64");
      expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
    }
    expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({
      type: "budget.threshold_reached",
      data: { alert_id, tenant_id: "acme", threshold_percent: 50, spent: `5${DIGITS}`, currency: "USD" },
    });
  });

  it("is given up when it is too old", async () => {
    const receiver = await startReceiver(500);
    const opened = await hooked(receiver);
    for (let i = 0; i < 70; i++) {
      await opened.raise();
      await opened.clock.advance(60_000);
    }
    expect(await delivery(opened)).toMatchObject({ state: "given_up", said: "status 500", next_at: null });
    expect(receiver.received).toHaveLength(7);
  });

  it("that was sent when the run broke off is sent again under the same id", async () => {
    const receiver = await startReceiver(200);
    const opened = await hooked(receiver);
    const { documents } = opened.pricing;
    const append = documents.append.bind(documents);
    documents.append = async (written) => {
      const list = typeof written === "function" ? await written() : written;
      if (list.some(({ kind, version }) => kind === "alert_delivery" && version > 1)) throw new Error("gone");
      return append(written);
    };
    await expect(opened.raise()).rejects.toThrow("gone");
    documents.append = append;
    expect(await opened.raise()).toMatchObject({ raised: 0, delivered: 1 });
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it("keeps its URL and its secret to itself", async () => {
    const receiver = await startReceiver(200);
    const opened = await hooked({ ...receiver, url: `${receiver.url}?token=hidden` });
    await opened.raise();
    const { ask, ids, pricing } = opened;
    for (const url of ["/v1/budgets", `/v1/budgets/${ids[0]}`, "/v1/alerts"]) {
      expect(JSON.stringify((await ask("operator", { url })).body), url).not.toContain("hidden");
    }
    for (const kind of ["budget", "alert", "alert_delivery"] as const) {
      expect(JSON.stringify(await pricing.documents.list(kind, "", 10))).not.toContain(WEBHOOK_KEY);
    }
  });
});

it("a new book counts in the estimate of its own hours within a minute", async () => {
  const { state, status, clock, ...api } = await open({ period: "day" });
  const later = waiting(2n, DAY + 20 * 3600);
  state.spend = [counted, later];
  expect(await status()).toMatchObject({ estimated: `3${DIGITS}` });
  const [card] = bookDocument()["gpus"] as object[];
  const gpus = [{ ...card, rate_per_gpu_hour: "5" }];
  await publishBook({ ...api, clock }, { name: "dear", gpus, effective_from: "2026-11-23T20:00:00Z" });
  await clock.advance(60_000);
  expect(await status()).toMatchObject({ estimated: `6${DIGITS}` });
});
