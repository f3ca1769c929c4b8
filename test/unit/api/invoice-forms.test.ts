// What can be done with an invoice: printed, read by a spreadsheet, split by project, opened line by line; and made by a clock.

import { describe, expect, it } from "vitest";
import { BatchLoader } from "../../../services/billing/cache/batch-loader.ts";
import { invoicePeriods } from "../../../services/billing/invoices/invoice-periods.ts";
import { formatDecimal } from "../../../services/domain/money/decimal.ts";
import { decimal, hourAt } from "../../support/builders/tenant-hours.ts";
import {
  DECEMBER_FROM,
  type InvoicingApi,
  invoicingApi,
  NOVEMBER_FROM,
} from "../../support/flows/tenant-api.ts";

const ONE_HOUR = 3600;
const DECEMBER_AT = 30 * 24;
const DAY_MS = 86_400_000;

type Part = Record<"side" | "charge_id" | "quantity" | "amount" | "gpu_time_ns" | "composite", string> & {
  revision: number;
};

const lineOf = (invoice: Record<string, unknown>) => (invoice["lines"] as Record<string, string>[])[0] ?? {};

async function partsOf({ ask }: InvoicingApi, invoice: Record<string, unknown>, query = "") {
  const url = `/v1/invoices/${invoice["invoice_id"]}/lines/${lineOf(invoice)["line_id"]}/hours${query}`;
  const { status, body } = await ask("acme", { url });
  expect(status, JSON.stringify(body)).toBe(200);
  return { parts: body.items as unknown as Part[], next_cursor: body["next_cursor"] };
}

function sum(parts: readonly Part[], side: string, name: "quantity" | "amount"): bigint {
  return parts.filter((it) => it.side === side).reduce((total, part) => total + decimal(part[name]), 0n);
}

describe("a line opens into its hours", () => {
  it("which add up to it, each with its factors and the charge that leads on", async () => {
    const api = await invoicingApi();
    api.use("acme", 10, ONE_HOUR);
    api.use("acme", 12, 1000);
    const invoice = await api.invoice(NOVEMBER_FROM);
    const { parts } = await partsOf(api, invoice);
    expect(parts).toMatchObject([
      {
        side: "is",
        hour: "2026-11-01T10:00:00Z",
        revision: 1,
        composite: "0.775000000000",
        sharing: "exclusive",
      },
      { side: "is", hour: "2026-11-01T12:00:00Z", apportionments: ["equal@1"], quality: "1.000000000000" },
    ]);
    expect(formatDecimal(sum(parts, "is", "amount"))).toBe(lineOf(invoice)["amount"]);
    expect(formatDecimal(sum(parts, "is", "quantity"))).toBe(lineOf(invoice)["quantity"]);
    const first = await partsOf(api, invoice, "?limit=1");
    const second = await partsOf(api, invoice, `?limit=1&cursor=${first.next_cursor}`);
    expect([...first.parts, ...second.parts]).toEqual(parts);
  });

  it("of an adjustment what was and what is, however often it was adjusted or voided before", async () => {
    const api = await invoicingApi();
    const { use, invoice, ask } = api;
    use("acme", 10, ONE_HOUR);
    const first = await invoice(NOVEMBER_FROM);
    for (const [revision, seconds] of [
      [2, 3000],
      [3, 2000],
      [4, 3500],
    ] as const) {
      use("acme", 10, seconds, revision);
      const next = await invoice(DECEMBER_FROM);
      const { parts } = await partsOf(api, next);
      expect(parts.map(({ side, revision: of }) => `${side} ${of}`)).toEqual([
        `is ${revision}`,
        `was ${revision - 1}`,
      ]);
      const difference = sum(parts, "is", "amount") - sum(parts, "was", "amount");
      expect(formatDecimal(difference)).toBe(lineOf(next)["amount"]);
    }
    const url = `/v1/invoices/${first["invoice_id"]}/void`;
    await ask("operator", { method: "POST", url, payload: { reason: "again" } });
    const again = await invoice(DECEMBER_FROM);
    const { parts } = await partsOf(api, again);
    const difference = sum(parts, "is", "amount") - sum(parts, "was", "amount");
    expect(formatDecimal(difference)).toBe(lineOf(again)["amount"]);
  });

  it("or says that it does not add up any more", async () => {
    const { use, invoice, ask, charges } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    const made = await invoice(NOVEMBER_FROM);
    const tampered = charges.hours.bind(charges);
    charges.hours = async (...question) =>
      (await tampered(...question)).map((hour) => ({
        ...hour,
        charges: hour.charges.map((it) => ({ ...it, gpu_time_ns: it.gpu_time_ns - 1n })),
      }));
    const url = `/v1/invoices/${made["invoice_id"]}/lines/${lineOf(made)["line_id"]}/hours`;
    expect(await ask("acme", { url })).toMatchObject({ status: 409, body: { code: "INVOICE_LINE_CHANGED" } });
    const unknown = `/v1/invoices/${made["invoice_id"]}/lines/${"0".repeat(64)}/hours`;
    expect((await ask("acme", { url: unknown })).status).toBe(404);
  });
});

describe("an invoice is served", () => {
  it("in the format of the request, and not sent again to whom has it", async () => {
    const { use, invoice, ask } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    const { invoice_id } = await invoice(NOVEMBER_FROM);
    const url = `/v1/invoices/${invoice_id}`;
    const typeOf = async (accept: string, query = "") => {
      const { headers } = await ask("acme", { url: `${url}${query}`, headers: { accept } });
      return String(headers["content-type"]);
    };
    expect(await typeOf("*/*")).toMatch(/^application\/json/);
    expect(await typeOf("text/html,application/xhtml+xml,*/*;q=0.8")).toMatch(/^text\/html/);
    expect(await typeOf("application/json;q=0.5, text/csv")).toMatch(/^text\/csv/);
    expect(await typeOf("text/html", "?format=json")).toMatch(/^application\/json/);
    expect(await typeOf("image/png")).toMatch(/^application\/json/);
    expect((await ask("acme", { url: `${url}?format=pdf` })).status).toBe(400);

    const { headers } = await ask("acme", { url });
    const known = { "if-none-match": String(headers["etag"]) };
    expect(headers["cache-control"]).toBe("private, no-cache");
    expect((await ask("acme", { url, headers: known })).status).toBe(304);
    expect((await ask("acme", { url: `${url}?format=html`, headers: known })).status).toBe(200);
    await ask("operator", { method: "POST", url: `${url}/void`, payload: { reason: "again" } });
    expect((await ask("acme", { url, headers: known })).status).toBe(200);
  });

  it("from memory after the first request, and still as voided as soon as it is", async () => {
    const { use, invoice, ask, pricing } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    use("globex", 10, ONE_HOUR);
    const { invoice_id } = await invoice(NOVEMBER_FROM);
    const url = `/v1/invoices/${invoice_id}`;
    const read: string[] = [];
    const newest = pricing.documents.newest.bind(pricing.documents);
    pricing.documents.newest = async (kind, id) => {
      read.push(kind);
      return newest(kind, id);
    };
    const first = await ask("acme", { url });
    expect((await ask("operator", { url })).body).toEqual(first.body);
    expect(read.filter((kind) => kind === "invoice").length).toBeLessThanOrEqual(1);
    const other = await invoice(NOVEMBER_FROM, "globex");
    await ask("operator", { url: `/v1/invoices/${other["invoice_id"]}` });
    expect((await ask("acme", { url: `/v1/invoices/${other["invoice_id"]}` })).status).toBe(404);
    await ask("operator", { method: "POST", url: `${url}/void`, payload: { reason: "again" } });
    expect((await ask("acme", { url })).body).toMatchObject({ state: "voided", voided: { reason: "again" } });
  });

  it("as a page with every text escaped, nothing loaded, and adjustments with what they correct", async () => {
    const { use, invoice, ask } = await invoicingApi({ seller: "Meter & <b>House</b>" });
    use("acme", 10, ONE_HOUR);
    const first = await invoice(NOVEMBER_FROM);
    use("acme", 10, 3000, 2);
    const next = await invoice(DECEMBER_FROM);
    const page = async (id: unknown) => {
      const { body, headers } = await ask("acme", { url: `/v1/invoices/${id}?format=html` });
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      return String(body["text"]);
    };
    const html = await page(first["invoice_id"]);
    expect(html).toContain("Meter &amp; &lt;b&gt;House&lt;/b&gt;");
    expect(html).not.toMatch(/<script|<b>|src=|href=|url\(/);
    for (const text of ["Invoice 1", "acme", "2026-11-01 00:00", "0.775", "2.50", "1.9375", "1.94 USD"]) {
      expect(html).toContain(text);
    }
    expect(html).toContain(`meterhouse verify ${first["invoice_id"]}`);
    expect(html).not.toContain("Adjustments");
    const adjusted = await page(next["invoice_id"]);
    expect(adjusted).toContain(`corrects line ${lineOf(first)["line_id"]} of invoice 1`);
    const url = `/v1/invoices/${first["invoice_id"]}/void`;
    const note = await ask("operator", { method: "POST", url, payload: { reason: "<wrong> customer" } });
    expect(await page(first["invoice_id"])).toContain("Voided by credit note 1: &lt;wrong&gt; customer");
    const noteUrl = `/v1/credit-notes/${note.body["credit_note_id"]}`;
    const printed = String((await ask("acme", { url: `${noteUrl}?format=html` })).body["text"]);
    for (const text of ["Credit note 1", "invoice 1 (", "&lt;wrong&gt; customer", "-1.94 USD"]) {
      expect(printed).toContain(text);
    }
    const rows = String((await ask("acme", { url: `${noteUrl}?format=csv` })).body["text"]).split("\r\n");
    expect(rows[1]).toContain("-1.937500000000");
  });

  it("as CSV that a spreadsheet takes for texts and numbers, never for formulas", async () => {
    const { charges, use, invoice, ask } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    const hours = charges.hours.bind(charges);
    const project_id = '=HYPERLINK("http://evil","x")';
    charges.hours = async (...question) =>
      (await hours(...question)).map((hour) => ({
        ...hour,
        charges: hour.charges.map((it) => ({ ...it, project_id })),
      }));
    const { invoice_id } = await invoice(NOVEMBER_FROM);
    const { body, headers } = await ask("acme", { url: `/v1/invoices/${invoice_id}?format=csv` });
    expect(headers["content-disposition"]).toBe('attachment; filename="invoice-1.csv"');
    const [names = "", row = "", ...rest] = String(body["text"]).split("\r\n");
    expect(names).toMatch(/^invoice_number,invoice_id,state,.*,amount,rounded_amount$/);
    expect(row).toContain(`,"'=HYPERLINK(""http://evil"",""x"")",`);
    expect(row).toMatch(/,0\.775000000000,2\.500000000000,1\.937500000000,1\.940000000000$/);
    expect(rest).toEqual([""]);
    const split = await ask("acme", { url: `/v1/invoices/${invoice_id}/projects` });
    expect(split.body["projects"]).toEqual([{ project_id, total: "1.940000000000" }]);
  });
});

describe("asking for many", () => {
  it("is one question at a time, begun after whoever is in it came", async () => {
    const questions: string[][] = [];
    const answers: ((found: string[]) => void)[] = [];
    const batches = new BatchLoader(async (ids) => {
      questions.push([...ids]);
      return new Set(await new Promise<string[]>((resolve) => void answers.push(resolve)));
    });
    const first = batches.has("a");
    await Promise.resolve();
    const later = [batches.has("a"), batches.has("b"), batches.has("a")];
    await new Promise(setImmediate);
    expect(questions).toEqual([["a"]]);
    answers[0]?.([]);
    expect(await first).toBe(false);
    await new Promise(setImmediate);
    expect(questions).toEqual([["a"], ["a", "b"]]);
    answers[1]?.(["a"]);
    expect(await Promise.all(later)).toEqual([true, false, true]);
  });
});

describe("the clock's run", () => {
  it("finalises what ended long enough ago, each period once; it is off by default", async () => {
    const { use, pricing, ask, clock } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    use("acme", DECEMBER_AT, ONE_HOUR);
    use("globex", 11, ONE_HOUR);
    const run = async (graceMs: number) => {
      const outcomes = await invoicePeriods(pricing, { graceMs, written_by: "jobs" });
      return outcomes.map(({ tenant_id, status, period }) => `${tenant_id} ${status} ${period.from}`);
    };
    expect(await run(0)).toEqual([]);
    // The second of January.
    expect(await run(2 * DAY_MS)).toEqual([`acme finalised ${hourAt(0)}`, `globex finalised ${hourAt(0)}`]);
    expect(await run(2 * DAY_MS)).toEqual([]);
    await clock.advance(DAY_MS);
    expect(await run(2 * DAY_MS)).toEqual([
      `acme finalised ${hourAt(DECEMBER_AT)}`,
      `globex nothing_new ${hourAt(DECEMBER_AT)}`,
    ]);
    expect((await ask("operator", { url: "/v1/invoices" })).body.items).toHaveLength(3);
  });

  it("leaves a period that waits for an hour to the next run, and a voided one to whoever voided it", async () => {
    const { use, pricing, ask, charges } = await invoicingApi();
    use("acme", 10, ONE_HOUR);
    charges.waitingHours.push({ hour: hourAt(11), why: "open" });
    const run = () => invoicePeriods(pricing, { graceMs: 2 * DAY_MS, written_by: "jobs" });
    expect(await run()).toMatchObject([{ status: "refused", refusal: { refusal: "INVOICE_HOURS_WAITING" } }]);
    charges.waitingHours.pop();
    const [done] = await run();
    if (done?.status !== "finalised") throw new Error(JSON.stringify(done));
    const url = `/v1/invoices/${done.stored.invoice.invoice_id}/void`;
    await ask("operator", { method: "POST", url, payload: { reason: "on wrong terms" } });
    expect(await run()).toEqual([]);
  });
});
