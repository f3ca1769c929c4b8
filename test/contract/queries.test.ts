// Every query of the house against the tables that the migrations make: it names columns that are there, with types that fit.
// The tables themselves are what the code's lists of fields say.
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClickHouse, loadQuery } from "../../services/adapters/clickhouse/client.ts";
import { sqlType } from "../../services/adapters/clickhouse/native.ts";
import { COLUMN_NAMES, COLUMNS } from "../../services/domain/block/columns.ts";
import { USAGE_KEYS, USAGE_SUMS } from "../../services/domain/closing/usage.ts";
import { FIELD_NAMES } from "../../services/domain/event/fields.ts";
import { CHARGE_FACTORS } from "../../services/domain/rating/charges.ts";
import { WINDOW_SUMS } from "../../services/domain/window/sums.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";

const QUERIES = new URL("../../clickhouse/queries/", import.meta.url);
const NAMES = readdirSync(QUERIES).map((file) => file.replace(".sql", ""));
/** Inserts, and what ends queries or drops days, cannot be planned without being carried out; other tests do that. */
const isSelect = (name: string): boolean =>
  /^(SELECT|WITH)\b/m.exec(loadQuery(name))?.index === firstWord(name);
const firstWord = (name: string): number => loadQuery(name).search(/^[A-Z]/m);

let database: TestDatabase;
let client: ClickHouse;

beforeAll(async () => {
  database = await freshDatabase();
  client = database.open("migrate");
  // some ask for the cut of a close before anything else
  await client.insertRows("hour_close", [{ hour: 1, revision: 1 }]);
});
afterAll(() => database.drop());

/** A value of each type that a query takes as a parameter. */
function sample(type: string): unknown {
  if (type.startsWith("Array(")) return [sample(type.slice("Array(".length, -1))];
  if (type.startsWith("Map(")) {
    const [key = "", value = ""] = type.slice("Map(".length, -1).split(", ");
    return new Map([[sample(key), sample(value)]]);
  }
  if (type === "UUID") return "00000000-0000-0000-0000-000000000000";
  if (type === "Date") return "2026-11-23";
  return type === "String" ? "2026-11-23" : 1;
}

function samplesFor(sql: string): Record<string, unknown> {
  const parameters = [...sql.matchAll(/\{(\w+):([^}]+)\}/g)];
  return Object.fromEntries(parameters.map(([, name = "", type = ""]) => [name, sample(type)]));
}

async function columnsOf(table: string): Promise<{ name: string; type: string; default_kind: string }[]> {
  return client.query(
    `SELECT name, type, default_kind FROM system.columns
     WHERE database = currentDatabase() AND table = {table:String} ORDER BY position`,
    { table },
  );
}

describe("a query", () => {
  it.each(NAMES.filter(isSelect))("%s can be planned", async (name) => {
    const sql = loadQuery(name);
    const statement = sql.replace(/\sFORMAT \w+\s*$/, "");
    await expect(client.query(`EXPLAIN PLAN ${statement}`, samplesFor(sql))).resolves.not.toEqual([]);
  });

  it.each(NAMES.filter((name) => !isSelect(name)))("%s can be parsed", async (name) => {
    const sql = loadQuery(name);
    await client.command(`EXPLAIN AST ${sql}`, { params: samplesFor(sql) });
  });
});

describe("the tables", () => {
  it("usage_log has the columns of a block, and computes the others", async () => {
    const columns = await columnsOf("usage_log");
    const stored = columns.filter(({ default_kind }) => default_kind !== "ALIAS");
    expect(stored.map(({ name, type }) => [name, type])).toEqual(
      COLUMN_NAMES.map((name) => [name, sqlType(COLUMNS[name])]),
    );
    const computed = columns.filter(({ default_kind }) => default_kind === "ALIAS");
    expect(computed.map(({ name }) => name)).toEqual([
      ...["has_usage", "reason", "issued_by", "issued_at"],
      ...["unmetered_processes", "parked_models"],
    ]);
  });

  it("usage_hourly has every key and every sum, charges every key and every term", async () => {
    const usage = (await columnsOf("usage_hourly")).map(({ name }) => name);
    expect(usage).toEqual([
      ...["hour", "revision", "attempt_id"],
      ...USAGE_KEYS,
      ...USAGE_SUMS,
      "apportionments",
    ]);
    const charges = (await columnsOf("charges")).map(({ name }) => name);
    expect(charges).toEqual([
      ...["hour", "revision", "rating", "attempt_id", "payer", "billed_to"],
      ...USAGE_KEYS,
      ...["price_book", "formula", "currency", "events", "gpu_time_ns", "busy_ns"],
      ...CHARGE_FACTORS,
      "apportionments",
    ]);
  });

  it("the view usage_windows names the sums at the places where a block puts them", async () => {
    const [view] = await client.query<{ as_select: string }>(
      "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'usage_windows'",
    );
    const named = [...(view?.as_select ?? "").matchAll(/numbers\[(\d+)\] AS (\w+)/g)];
    expect(named.map(([, place, name]) => [Number(place), name])).toEqual(
      WINDOW_SUMS.map((name, index) => [index + 1, name]),
    );
  });

  it("the view events has every field", async () => {
    const names = (await columnsOf("events")).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(FIELD_NAMES));
  });
});
