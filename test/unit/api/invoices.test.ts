// Invoices over HTTP: drafts, numbers, adjustments, what is refused, voids.

import { describe, expect, it } from "vitest";
import { bookWith } from "../../support/builders/price-books.ts";
import { hourAt } from "../../support/builders/tenant-hours.ts";
import { DECEMBER_FROM, invoicingApi, NOVEMBER_FROM } from "../../support/flows/tenant-api.ts";

type Line = Record<"quantity" | "amount" | "rounded_amount" | "kind" | "line_id" | "period_from", string> & {
  reference: { invoice_id: string; line_id: string } | null;
};
const linesOf = (invoice: Record<string, unknown>) => invoice["lines"] as Line[];
const DECEMBER_AT = 30 * 24;

const ONE_HOUR = 3600;

describe("the worked examples over the API", () => {
  it("an hour found in three revisions is invoiced once and then corrected, with a reference", async () => {
    const { use, invoice, finalise } = await invoicingApi();
    use("acme", 10, 1000);
    use("acme", 10, ONE_HOUR, 2);
    const first = await invoice(NOVEMBER_FROM);
    expect(first).toMatchObject({
      number: "1",
      state: "finalised",
      period_from: NOVEMBER_FROM,
      period_to: DECEMBER_FROM,
      amount: "1.937500000000",
      total: "1.940000000000",
      rests_on: [{ from: "2026-11-01T10:00:00Z", to: "2026-11-01T11:00:00Z", revision: 2 }],
    });
    expect(linesOf(first)).toMatchObject([
      { kind: "usage", quantity: "0.775000000000", amount: "1.937500000000", reference: null },
    ]);

    expect((await finalise(NOVEMBER_FROM)).body["results"]).toMatchObject([
      { status: "nothing_new", invoice: { invoice_id: first["invoice_id"], number: "1" } },
    ]);

    use("acme", 10, 3000, 3);
    const next = await invoice(DECEMBER_FROM);
    expect(next).toMatchObject({ number: "2", period_from: DECEMBER_FROM, amount: "-0.322916666667" });
    expect(linesOf(next)).toMatchObject([
      {
        quantity: "-0.129166666667",
        amount: "-0.322916666667",
        period_from: NOVEMBER_FROM,
        reference: { invoice_id: first["invoice_id"], line_id: linesOf(first)[0]?.line_id },
      },
    ]);
    expect(next["periods"]).toEqual([
      { from: NOVEMBER_FROM, to: DECEMBER_FROM },
      { from: DECEMBER_FROM, to: "2027-01-01T00:00:00Z" },
    ]);
  });
});

const HALF = {
  name: "half",
  unit: "composite_gpu_hour",
  quantity: "0.5",
  price: "1",
  valid_hours: 8760,
};

describe("a tenant with a package", () => {
  it("pays for what the package leaves over, and late usage takes nothing that is gone", async () => {
    const { use, ask, invoice } = await invoicingApi({}, bookWith({ prepaid: [HALF] }));
    const post = (url: string, payload: object) =>
      ask("operator", { method: "POST", url, payload: { reason: "agreed", ...payload } });
    use("acme", 10, ONE_HOUR);
    await post("/v1/tenants", { tenant_id: "acme", name: "Acme", currency: "USD" });
    const bought = await post("/v1/tenants/acme/packages", { offer: "half", starts_at: "2026-10-31T00:00Z" });
    expect(bought.status).toBe(201);
    const first = await invoice(NOVEMBER_FROM);
    expect(linesOf(first)).toMatchObject([
      { kind: "usage", quantity: "0.275000000000", amount: "0.687500000000" },
      { kind: "package", quantity: "0.500000000000", amount: "0.000000000000" },
    ]);
    use("acme", DECEMBER_AT, ONE_HOUR);
    expect(await invoice(DECEMBER_FROM)).toMatchObject({ amount: "1.937500000000" });
    // Half of November's hour goes away: the package reaches into December.
    use("acme", 10, 1800, 2);
    const late = await invoice(NOVEMBER_FROM);
    expect(linesOf(late).map(({ kind, quantity, amount }) => `${kind} ${quantity} ${amount}`)).toEqual([
      "usage -0.275000000000 -0.687500000000",
      "package -0.112500000000 0.000000000000",
      "usage -0.112500000000 -0.281250000000",
      "package 0.112500000000 0.000000000000",
    ]);
    expect(linesOf(late).map(({ period_from }) => period_from)).toEqual([
      ...[NOVEMBER_FROM, NOVEMBER_FROM],
      ...[DECEMBER_FROM, DECEMBER_FROM],
    ]);
    const change = await post("/v1/tenants/acme/packages", { offer: "half", starts_at: "2026-12-31T00:00Z" });
    expect(change.body).toMatchObject({ code: "CONTRACT_INVOICED" });
  });
});

describe("drafts", () => {
  it("are computed anew each time, keep nothing and name the hours that wait", async () => {
    const { use, ask, charges, invoice } = await invoicingApi();
    const draft = async (who: "acme" | "operator" = "operator", tenant_id = "acme") => {
      const payload = { tenant_id, period_from: NOVEMBER_FROM };
      return ask(who, { method: "POST", url: "/v1/invoices/draft", payload });
    };
    use("acme", 10, 1000);
    charges.waitingHours.push({ hour: hourAt(11), why: "open" });
    const { body: before } = await draft();
    expect(before).toMatchObject({
      state: "draft",
      waiting: [{ hour: "2026-11-01T11:00:00Z", why: "open" }],
    });
    use("acme", 11, 2600);
    charges.waitingHours.pop();
    const { body } = await draft("acme");
    expect(body).toMatchObject({ invoice_id: before["invoice_id"], amount: "1.937500000000", waiting: [] });
    expect((await ask("operator", { url: "/v1/invoices" })).body.items).toEqual([]);
    expect((await draft("acme", "globex")).status).toBe(404);
    const { invoice_id } = await invoice(NOVEMBER_FROM);
    expect(invoice_id).toBe(body["invoice_id"]);
    expect((await draft()).body).toMatchObject({ invoice_id: null, amount: "0.000000000000", lines: [] });
  });
});

describe("finalising", () => {
  it("is refused while the period runs, or hours of it are not closed and rated, which are named", async () => {
    const { use, finalise, charges } = await invoicingApi();
    use("acme", 10, 1000);
    expect((await finalise("2027-01-01T00:00:00Z")).body).toMatchObject({ code: "INVOICE_PERIOD_RUNNING" });
    charges.waitingHours.push({ hour: hourAt(11), why: "unrated" });
    const { status, body } = await finalise(NOVEMBER_FROM);
    expect([status, body["code"]]).toEqual([409, "INVOICE_HOURS_WAITING"]);
    expect(body["faults"]).toMatchObject([{ path: "2026-11-01T11:00:00Z", code: "unrated" }]);
    expect(await finalise(DECEMBER_FROM)).toMatchObject({ status: 200 });
  });

  it("keeps to the rhythm of the first invoice", async () => {
    const { use, ask, invoice, finalise } = await invoicingApi();
    use("acme", 10, 1000);
    expect((await finalise("2026-11-02T00:00:00Z")).body).toMatchObject({ code: "INVOICE_PERIOD_INVALID" });
    await invoice(NOVEMBER_FROM);
    const payload = { tenant_id: "acme", period_from: DECEMBER_FROM, period_to: "2026-12-02T00:00:00Z" };
    const { status, body } = await ask("operator", { method: "POST", url: "/v1/invoices", payload });
    expect([status, body["code"]]).toEqual([422, "INVOICE_PERIOD_INVALID"]);
    expect(body["detail"]).toContain("2026-12-01T00:00:00Z to 2027-01-01T00:00:00Z");
  });

  it("of a period before the last one makes one invoice, of the last period, so that packages are not overdrawn", async () => {
    const { use, invoice } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    use("acme", DECEMBER_AT, ONE_HOUR);
    await invoice(NOVEMBER_FROM);
    await invoice(DECEMBER_FROM);
    use("acme", 10, 3000, 2);
    const late = await invoice(NOVEMBER_FROM);
    expect(late).toMatchObject({ number: "3", period_from: DECEMBER_FROM, amount: "-0.322916666667" });
  });

  it("states an hour anew that a tenant lost altogether, or got where it had none", async () => {
    const { use, invoice } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    await invoice(NOVEMBER_FROM);
    use("acme", 10, 0, 2);
    use("acme", 11, 1000);
    const next = await invoice(DECEMBER_FROM);
    expect(linesOf(next)).toMatchObject([{ amount: "-1.399305555556", reference: {} }]);
  });

  it("gives numbers without gaps, whoever finalises at the same time", async () => {
    const { use, finalise, ask, pricing } = await invoicingApi();
    const tenants = Array.from({ length: 12 }, (_, index) => `tenant-${index}`);
    for (const tenant of tenants) use(tenant, 10, ONE_HOUR);
    const twice = [...tenants, ...tenants].map((tenant) => finalise(NOVEMBER_FROM, tenant));
    const statuses = (await Promise.all(twice)).map(
      ({ body }) => (body["results"] as { status: string }[])[0]?.status,
    );
    expect(statuses.filter((it) => it === "finalised")).toHaveLength(12);
    expect(statuses.filter((it) => it === "nothing_new")).toHaveLength(12);
    const { items } = (await ask("operator", { url: "/v1/invoices" })).body;
    expect(items.map(({ number }) => number)).toEqual(tenants.map((_, index) => String(12 - index)));
    expect(new Set(items.map(({ tenant_id }) => tenant_id)).size).toBe(12);
    expect((await pricing.documents.newest("invoice_number", "invoice"))?.version).toBe(12);
  });
});

describe("voiding", () => {
  it("is by a credit note with a number of its own; the usage is invoiced anew", async () => {
    const { use, invoice, ask, keys } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    const { invoice_id } = await invoice(NOVEMBER_FROM);
    const url = `/v1/invoices/${invoice_id}`;
    const order = (reason: string) =>
      ask("operator", { method: "POST", url: `${url}/void`, payload: { reason } });
    const { status, body: note } = await order("wrong customer");
    expect(status).toBe(201);
    expect(note).toMatchObject({ number: "1", invoice_number: "1", total: "-1.940000000000", invoice_id });
    expect(linesOf(note)).toMatchObject([{ amount: "-1.937500000000", reference: { invoice_id } }]);
    const { body, headers } = await ask("acme", { url });
    expect(body).toMatchObject({ state: "voided", number: "1", total: "1.940000000000" });
    expect(body["voided"]).toMatchObject({ number: "1", reason: "wrong customer" });
    expect(headers["cache-control"]).toContain("immutable");

    expect((await order("wrong customer")).body).toEqual(note);
    expect((await order("another reason")).body).toMatchObject({ code: "INVOICE_NOT_FINALISED" });
    const again = await invoice(DECEMBER_FROM);
    expect(again).toMatchObject({ number: "2", amount: "1.937500000000" });
    expect(again["invoice_id"]).not.toBe(invoice_id);
    const listed = await ask("acme", { url: "/v1/invoices?limit=1" });
    expect(listed.body.items).toMatchObject([{ number: "2", state: "finalised" }]);
    const older = await ask("acme", { url: `/v1/invoices?cursor=${listed.body["next_cursor"]}` });
    expect(older.body.items).toMatchObject([{ number: "1", state: "voided" }]);
    const notes = await ask("acme", { url: "/v1/credit-notes" });
    expect(notes.body.items).toMatchObject([{ credit_note_id: note["credit_note_id"] }]);
    expect((await ask("acme", { url: `/v1/credit-notes/${note["credit_note_id"]}` })).body).toEqual(note);
    expect(keys.operator).toContain("mh_");
  });

  it("of an invoice that a later one corrected leaves the sum right", async () => {
    const { use, invoice, ask } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    const first = await invoice(NOVEMBER_FROM);
    use("acme", 10, 3000, 2);
    await invoice(DECEMBER_FROM);
    const url = `/v1/invoices/${first["invoice_id"]}/void`;
    await ask("operator", { method: "POST", url, payload: { reason: "again" } });
    // 3,000 s are 1.614583333333; -0.322916666667 of them are on the second invoice.
    expect(await invoice(DECEMBER_FROM)).toMatchObject({ amount: "1.937500000000" });
  });
});

describe("what an invoice rests on", () => {
  it("gives the same invoice again, whatever was revised, invoiced or voided since", async () => {
    const { use, invoice, ask } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    const ids = [await invoice(NOVEMBER_FROM)];
    use("acme", 10, 3000, 2);
    use("acme", DECEMBER_AT, 1000);
    ids.push(await invoice(DECEMBER_FROM));
    use("acme", 10, 100, 3);
    const url = `/v1/invoices/${ids[0]?.["invoice_id"]}/void`;
    await ask("operator", { method: "POST", url, payload: { reason: "again" } });
    ids.push(await invoice(DECEMBER_FROM));
    for (const { invoice_id } of ids) {
      for (const depth of ["lines", "charges", "events"]) {
        const { body } = await ask("acme", { url: `/v1/invoices/${invoice_id}/verify?depth=${depth}` });
        expect(body).toMatchObject({ invoice_id, depth, matches: true, lines: [], charges: [], hours: [] });
      }
    }
  });
});

describe("an invoice of somebody else", () => {
  it("is not there: to see, to list, to void", async () => {
    const { use, invoice, ask } = await invoicingApi();
    use("globex", 10, ONE_HOUR);
    const { invoice_id } = await invoice(NOVEMBER_FROM, "globex");
    expect((await ask("acme", { url: `/v1/invoices/${invoice_id}` })).status).toBe(404);
    expect((await ask("acme", { url: `/v1/invoices/${invoice_id}/verify` })).status).toBe(404);
    expect((await ask("acme", { url: "/v1/invoices" })).body.items).toEqual([]);
    expect((await ask("acme", { url: "/v1/invoices?tenant_id=globex" })).status).toBe(404);
    const url = `/v1/invoices/${invoice_id}/void`;
    expect((await ask("acme", { method: "POST", url, payload: { reason: "mine" } })).status).toBe(403);
  });
});
