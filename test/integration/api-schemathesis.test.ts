// P10 over HTTP, by somebody else's judgement: schemathesis makes requests from the served description, valid and not, and
// holds the running service to it. Values that are there are given to it in a second run, as it would never guess them.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { pricingDocument } from "../../services/api/app.ts";
import { newKey } from "../../services/billing/access/keys.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import { PYTHON } from "../../services/local/paths.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { operationsOf } from "../support/builders/fuzz.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import type { Flow } from "../support/flows/flow.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { startPricing } from "../support/stack/pricing-process.ts";

/** What a response must be, whatever the request was: described, of the described type and shape, and no 5xx. */
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];
/** About 20 s of requests in all, on an idle machine; the limit is for a busy one. */
const EXAMPLES_PER_OPERATION = 12;
const RUN_MS_MAX = 120_000;

const HOUR_MS = 3_600_000;
const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS;
const [hour, next] = [hourMs, hourMs + HOUR_MS].map((ms) => formatHour(ms / 1000)) as [string, string];
const random = (bytes: number) => randomBytes(bytes).toString("hex");

/** A closed and rated hour of a tenant. */
async function settledFlow(): Promise<Flow> {
  const flow = await sharedFlow({ priceBooks: [demoBook()] });
  flow.start();
  const at = (minute: number, seed: string) =>
    makeEvent(hourMs + minute * 60_000, seed, { tenant_id: "acme" });
  await flow.send([encodeEvent(at(1, "a")), encodeEvent(at(2, "b")), { key: null, value: Buffer.from("?") }]);
  await flow.received(3);
  const { clickhouseUrl: url, users, database } = flow.target;
  const clickhouse = openClickHouse({ url, database, ...users.settlement });
  const clock = new ManualClock(hourMs + 2 * HOUR_MS);
  await pass(settlementOver(new ClickHouseSettlementStore(clickhouse, database), { clock }));
  await clickhouse.close();
  return flow;
}

/** Keys of an admin: one to ask with, one to be revoked, and one for the run that revokes keys. */
async function makeKeys({ target: { clickhouseUrl: url, users, database } }: Flow) {
  const clickhouse = openClickHouse({ url, database, ...users.pricing });
  const documents = new ClickHouseDocuments(clickhouse, database, "test", systemClock);
  const make = (name: string) =>
    newKey({ scope: "admin", tenant_id: "", name }, "test", { hash: sha256, random });
  const [own, other, revoking] = [make("own"), make("other"), make("revoking")];
  await documents.append([own.document, other.document, revoking.document]);
  await clickhouse.close();
  return { key: own.key, other: other.document.id, revokingKey: revoking.key };
}

/** An invoice that was taken back, and a budget: ids by their names. */
async function makeMore(url: string, key: string): Promise<Record<string, unknown>> {
  const ask = async (path: string, body?: object) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const sent = { ...headers, "idempotency-key": random(8) };
    const post = { method: "POST", headers: sent, body: JSON.stringify(body) };
    const answer = await fetch(`${url}${path}`, body === undefined ? { headers } : post);
    const said = (await answer.json()) as Record<string, unknown>;
    expect(answer.ok, JSON.stringify(said)).toBe(true);
    return said;
  };
  const run = await ask("/v1/invoices", { tenant_id: "acme", period_from: hour, period_to: next });
  const [result] = run["results"] as { invoice: { invoice_id: string } }[];
  const invoice_id = result?.invoice.invoice_id;
  const { lines } = await ask(`/v1/invoices/${invoice_id}`);
  const [line] = lines as { line_id: string }[];
  const { credit_note_id } = await ask(`/v1/invoices/${invoice_id}/void`, { reason: "for the test" });
  const budget = { tenant_id: "acme", name: "b", period: "month", amount: "1", thresholds_percent: [80] };
  const { budget_id } = await ask("/v1/budgets", { ...budget, reason: "for the test" });
  return { invoice_id, line_id: line?.line_id, credit_note_id, budget_id };
}

/** What is there, by the place that it has in a request. */
async function knownValues(url: string, key: string, key_id: string): Promise<Record<string, string>> {
  const first = async (path: string) => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
    const { items } = (await answer.json()) as { items: Record<string, unknown>[] };
    return items[0] ?? {};
  };
  const { charge_id } = await first(`/v1/charges?from=${hour}&to=${next}`);
  const { event_id } = await first(`/v1/charges/${charge_id}/events`);
  const { price_book } = await first("/v1/price-books");
  const more = await makeMore(url, key);
  const places = { ...more, charge_id, event_id, price_book, key_id, hour, tenant_id: "acme" };
  const known = {
    ...Object.fromEntries(Object.entries(places).map(([name, value]) => [`path.${name}`, String(value)])),
    "query.from": hour,
    "query.to": next,
    "query.tenant_id": "acme",
    "query.against": String(price_book),
  };
  expect(Object.values(known)).not.toContain("undefined");
  return known;
}

const NOTHING = '{"log":{"entries":[]}}';

interface Found {
  /** What it says, or "" if it found nothing. */
  readonly said: string;
  readonly answers: readonly { readonly method: string; readonly path: string; readonly status: number }[];
}

/** It tries what earlier answers named, among it the key that it asks with: so it has a run and a key of its own. */
const REVOKES = "revokeKey";

/** Runs schemathesis with some parameters fixed. */
async function run(
  url: string,
  key: string,
  parameters: Readonly<Record<string, string>>,
  operations: readonly string[] = ["--exclude-operation-id", REVOKES],
): Promise<Found> {
  const directory = await mkdtemp(join(tmpdir(), "schemathesis-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const [config, report] = ["fixed.toml", "report.har"].map((name) => join(directory, name)) as [
    string,
    string,
  ];
  const lines = Object.entries(parameters).map((pair) => pair.map((it) => JSON.stringify(it)).join(" = "));
  await writeFile(config, ["[parameters]", ...lines, ""].join("\n"));
  const args = [
    ...["-m", "schemathesis.cli", "--config-file", config, "run", `${url}/openapi.json`],
    ...["--header", `Authorization: Bearer ${key}`, "--checks", CHECKS.join()],
    ...["--phases", "fuzzing", "--max-examples", String(EXAMPLES_PER_OPERATION)],
    ...operations,
    ...["--seed", "1", "--no-shrink", "--warnings", "off", "--no-color"],
    ...["--suppress-health-check", "all", "--request-timeout", "20", "--report-har-path", report],
  ];
  const limits = { cwd: directory, timeout: RUN_MS_MAX, maxBuffer: 1 << 26 };
  const said = await new Promise<string>((resolve) => {
    execFile(PYTHON, args, limits, (error, stdout, stderr) =>
      resolve(error === null ? "" : `it ended with ${error.code ?? error.signal}\n${stdout}${stderr}`),
    );
  });
  const { log } = JSON.parse(said === "" ? await readFile(report, "utf8") : NOTHING) as {
    log: { entries: { request: { method: string; url: string }; response: { status: number } }[] };
  };
  const answers = log.entries.map(({ request, response }) => ({
    method: request.method,
    path: new URL(request.url).pathname,
    status: response.status,
  }));
  return { said, answers };
}

it("schemathesis finds no fault in any route", { timeout: 300_000 }, async () => {
  const flow = await settledFlow();
  const { key, other, revokingKey } = await makeKeys(flow);
  const { users } = flow.target;
  const server = await startPricing({
    ...flow.environment(),
    METERHOUSE_CLICKHOUSE_USER: users.pricing.user,
    METERHOUSE_CLICKHOUSE_PASSWORD: users.pricing.password,
    METERHOUSE_API_PORT: "0",
    METERHOUSE_API_RATE: "100000",
    METERHOUSE_METRICS_PORT: "0",
  });
  onTestFinished(async () => void (await server.stop()));
  const known = await knownValues(server.url, key, other);
  const [guessed, given, revoked] = await Promise.all([
    run(server.url, key, {}),
    run(server.url, key, known),
    run(server.url, revokingKey, {}, ["--include-operation-id", REVOKES]),
  ]);
  expect(guessed.said).toBe("");
  expect(given.said).toBe("");
  expect(revoked.said).toBe("");
  // A run that is refused everywhere has held the service to nothing.
  const unanswered = operationsOf(pricingDocument())
    .filter(([, method]) => method === "get")
    .filter(([path]) => {
      const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
      return !given.answers.some((it) => it.method === "GET" && it.status === 200 && pattern.test(it.path));
    })
    .map(([path]) => path);
  // The index has no point before its job has run.
  expect(unanswered).toEqual(["/v1/index/{from}"]);
  expect(server.lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 50)).toEqual([]);
});
