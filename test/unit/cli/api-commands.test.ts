import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { listen } from "../../../services/adapters/http/listen.ts";
import type { Api } from "../../../services/cli/api-command.ts";
import { bookDocument } from "../../support/builders/price-books.ts";
import { apiAt, fault, requestOf, type } from "../../support/flows/command-line.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";

const FROM = "2026-11-01T00:00Z";
const KEY = { header: { "Idempotency-Key": expect.stringMatching(/^[0-9a-f]{64}$/) } };
const NEW = { header: { "Idempotency-Key": expect.any(String) } };

describe("a command of the API asks", () => {
  it.each([
    ["explain x", ["explainCharge", { path: { charge_id: "x" } }]],
    ["history x --json", ["eventHistory", { path: { event_id: "x" } }]],
    ["void x --reason late", ["voidEvent", { path: { event_id: "x" }, ...KEY, body: { reason: "late" } }]],
    ["verify x", ["verifyInvoice", { path: { invoice_id: "x" }, query: { depth: "events" } }]],
    ["verify x --depth=lines", ["verifyInvoice", { path: { invoice_id: "x" }, query: { depth: "lines" } }]],
    [
      `invoice draft --tenant acme --from ${FROM}`,
      ["draftInvoice", { body: { tenant_id: "acme", period_from: FROM } }],
    ],
    [
      "invoice finalise --from a --to b --json",
      ["finaliseInvoices", { ...NEW, body: { period_from: "a", period_to: "b" } }],
    ],
    ["invoice list --tenant acme", ["listInvoices", { query: { tenant_id: "acme" } }]],
    ["invoice list", ["listInvoices", { query: {} }]],
    ["invoice show abc", ["getInvoice", { path: { invoice_id: "abc" } }]],
    [
      "invoice void abc --reason wrong",
      ["voidInvoice", { path: { invoice_id: "abc" }, ...KEY, body: { reason: "wrong" } }],
    ],
    [
      "index --from a --to b",
      ["listIndexPoints", { query: { from: "a", to: "b", currency: "USD", period: "day" } }],
    ],
  ])("%s", async (line, question) => {
    expect(await requestOf(line.split(" "))).toEqual(question);
  });

  it("the same of the same: a correction that is typed twice is one", async () => {
    const line = ["void", "x", "--reason", "late"];
    expect(await requestOf(line)).toEqual(await requestOf([...line, "--json"]));
  });
});

describe("a command line that is wrong gets a reason and code 2", () => {
  it.each([
    ["void x --reason= ", "to void an event, say why with --reason"],
    ["void x", "--reason <text> is missing"],
    ["void --reason y", "<event id> is missing"],
    ["verify x --depth deep", '--depth "deep" is none of lines, charges, events'],
    ["burn x", "unknown command 'burn'"],
    ["hisory x", "Did you mean history?"],
    ["invoice draft --from a", "--tenant <id> is missing"],
    ["invoice finalise", "--from <hour> is missing"],
    ["invoice show", "<invoice id> is missing"],
    ["invoice show a b", 'invoice show takes one beside its options, not "b"'],
    ["invoice show a --format pdf", '--format "pdf" is none of csv, html'],
    ["invoice pay a", "unknown command 'pay'"],
    ["invoice", "a command is missing"],
    ["export focus --from a", "--out <file> is missing"],
    ["export invoices", "unknown command 'invoices'"],
    ["price-book publish /nowhere.json", "/nowhere.json cannot be read (ENOENT)"],
  ])("%s", (line, sentence) => {
    expect(fault(...line.split(" "))).toEqual({
      kind: "text",
      text: expect.stringContaining(sentence),
      exitCode: 2,
    });
  });

  it("names everything at once", () => {
    const { text } = fault("export", "focus", "--form", "a", "--rows", "all", "--format", "xls");
    expect(text).toMatch(/^meterhouse export focus: 6 faults\n/);
    for (const part of ["--rows", "--format", "--form'", "--from <hour>", "--to <hour>", "--out <file>"]) {
      expect(text).toContain(part);
    }
  });
});

describe("with the API", () => {
  const folder = mkdtempSync(join(tmpdir(), "meterhouse-commands-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, document: object) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(document));
    return path;
  };

  let served: TestApi;
  let api: Api;
  beforeEach(async () => {
    served = await testApi();
    const port = await listen(served.api, { host: "127.0.0.1", port: 0, name: "TEST" });
    api = apiAt(`http://127.0.0.1:${port}`, served.keys.operator);
  });
  afterEach(() => served.api.close());

  it("price-book check names every fault and keeps nothing", async () => {
    const bad = file("bad.json", { ...bookDocument(), currency: "usd", tiers: [] });
    const checked = await type(api, "price-book", "check", bad);
    expect(checked).toEqual({
      text: expect.stringMatching(/has faults:\n.*tiers.*\n.*currency/),
      exitCode: 1,
    });
    const good = file("good.json", bookDocument());
    expect(await type(api, "price-book", "check", good)).toEqual({
      text: expect.stringMatching(/is a price book: [0-9a-f]{64}$/),
      exitCode: 0,
    });
    expect((await api.ask("listPriceBooks", {})).items).toEqual([]);
  });

  it("price-book publish brings a book into force once; again it says so; another one at its hour is refused", async () => {
    const book = file("book.json", bookDocument());
    const first = await type(api, "price-book", "publish", book);
    expect(first).toEqual({
      text: expect.stringMatching(
        /^2026 H100 is published: in USD from 2026-01-01T00:00:00Z on, [0-9a-f]{64}$/,
      ),
      exitCode: 0,
    });
    expect(await type(api, "price-book", "publish", book)).toEqual({
      text: expect.stringContaining("2026 H100 was published already"),
      exitCode: 0,
    });
    const json = await type(api, "price-book", "publish", book, "--json");
    expect(JSON.parse(json.text)).toMatchObject({ status: "published", is_new: false });
    const twin = file("twin.json", { ...bookDocument(), name: "twin" });
    await expect(type(api, "price-book", "publish", twin)).rejects.toMatchObject({ code: "BOOK_OVERLAPS" });
    const bad = file("worse.json", { ...bookDocument(), currency: "usd" });
    await expect(type(api, "price-book", "publish", bad)).rejects.toMatchObject({ code: "BOOK_INVALID" });
  });
});

it("invoice finalise ends with 1 where any was refused", async () => {
  const period = { period_from: "a", period_to: "b" };
  const results = [
    { tenant_id: "a", status: "nothing_new", invoice: null },
    { tenant_id: "b", status: "refused", invoice: null, code: "INVOICE_HOURS_WAITING", detail: "" },
  ];
  const finalise = async (some: object[]) =>
    (
      await type(
        { ask: async () => ({ ...period, results: some }) } as unknown as Api,
        "invoice",
        "finalise",
        "--from",
        "a",
      )
    ).exitCode;
  expect(await finalise(results)).toBe(1);
  expect(await finalise(results.slice(0, 1))).toBe(0);
});
