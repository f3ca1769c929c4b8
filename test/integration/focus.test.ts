import { ALL, type Audience, oneTenant } from "../../services/domain/access/audience.ts";
// FOCUS 1.2: every mandatory column with its type, nullability and values; sums to the digit; Parquet says what CSV says.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { ClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseFocus } from "../../services/adapters/clickhouse/focus.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { listen } from "../../services/adapters/http/listen.ts";
import type { FocusFile } from "../../services/domain/ports/focus.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { expectFocus, MANDATORY } from "../support/checks/focus.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { CHILD_ENV } from "../support/stack/child-env.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const RANGE = { from: TEN, to: ELEVEN + 3600 };
let database: TestDatabase;
let admin: ClickHouse;
let focus: ClickHouseFocus;

beforeAll(async () => {
  database = await freshDatabase({ priceBooks: [demoBook()] });
  admin = database.open("migrate");
  focus = new ClickHouseFocus(database.open("pricing"), 'The "GPU" Company');
  const events = [
    { id: "a", hour: TEN, gpu_time_ns: 3_600_000_000_001n },
    { id: "b", hour: TEN, tenant_id: 'ten, "ant"\n2', project_id: "", sharing: "timeslice" },
    { id: "c", hour: TEN, phase: "load" },
    { id: "d", hour: ELEVEN, gpu_busy_ns: 59_999_999_999n, energy_uj: null },
  ];
  await appendBatch(database.open("processor"), batch(0, 0, events));
  await pass(settlementOver(new ClickHouseSettlementStore(database.open("settlement"), database.name)));
});
afterAll(() => database.drop());

async function file(format: FocusFile["format"], audience: Audience = ALL): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of focus.file(RANGE, audience, { format, rows: "charges" })) pieces.push(piece);
  return Buffer.concat(pieces);
}

const rows = () => admin.query<Record<string, unknown>>("SELECT * FROM focus_1_2");

it("has every mandatory column with its type and nullability, and no value that is not allowed", async () => {
  expect(await expectFocus(admin, "focus_1_2")).toHaveLength(4);
});

it("puts its own columns last, all with x_", async () => {
  const [row = {}] = await rows();
  const names = Object.keys(row);
  const firstOwn = names.findIndex((name) => name.startsWith("x_"));
  for (const [at, name] of names.entries()) {
    expect(name).toMatch(at < firstOwn ? /^[A-Z][A-Za-z]+$/ : /^x_[A-Z][A-Za-z]+$/);
  }
  expect(firstOwn).toBeGreaterThan(Object.keys(MANDATORY).length);
});

it("adds up to the charges, to the digit, and each cost is its price times its quantity", async () => {
  const [sums] = await admin.query(
    `SELECT toString(sum(BilledCost)) AS billed, toString(sum(EffectiveCost)) AS effective, toString(sum(ListCost)) AS list,
       toString(sum(ContractedCost)) AS contracted, toString(sum(x_GpuTimeNs)) AS gpu_time_ns FROM focus_1_2`,
  );
  const [charges] = await admin.query<{ charge: string; gpu_time_ns: string }>(
    "SELECT toString(sum(charge)) AS charge, toString(sum(gpu_time_ns)) AS gpu_time_ns FROM charges_current",
  );
  const { charge, gpu_time_ns } = charges ?? {};
  expect(sums).toEqual({ billed: charge, effective: charge, list: charge, contracted: charge, gpu_time_ns });
  const off = await admin.query(
    `SELECT * FROM focus_1_2
     WHERE ListCost != round(CAST(PricingQuantity AS Decimal(76, 18)) * CAST(ListUnitPrice AS Decimal(76, 12)), 12)`,
  );
  expect(off).toEqual([]);
});

it("is the same as CSV and as Parquet, in the specification's formats", async () => {
  const csv = (await file("csv")).toString();
  expect(csv).toContain('"2026-11-23T10:00:00Z"');
  expect(csv).toContain('"2026-12-01T00:00:00Z"');
  expect(csv).toContain('"The ""GPU"" Company"');
  expect(csv).not.toMatch(/\\N|\d[eE][-+]?\d+,/);
  await admin.command("CREATE TABLE from_csv EMPTY AS SELECT * FROM focus_1_2");
  await admin.command("CREATE TABLE from_parquet AS from_csv");
  await admin.execInsert("INSERT INTO from_csv FORMAT CSVWithNames", Buffer.from(csv), {
    settings: { date_time_input_format: "best_effort", format_csv_null_representation: "" },
  });
  await admin.execInsert("INSERT INTO from_parquet FORMAT Parquet", await file("parquet"));
  const all = (table: string) =>
    admin.query<object>(`SELECT * FROM ${table} ORDER BY ChargePeriodStart, x_ChargeId`);
  const parquet = await all("from_parquet");
  expect(parquet).toHaveLength(4);
  expect(await all("from_csv")).toEqual(parquet);
  const names = {
    InvoiceIssuerName: 'The "GPU" Company',
    ProviderName: 'The "GPU" Company',
    PublisherName: 'The "GPU" Company',
  };
  expect((await all("focus_1_2")).map((row) => ({ ...row, ...names }))).toEqual(parquet);
  // The same charges are the same bytes.
  expect((await file("csv")).toString()).toBe(csv);
});

it("gives a tenant its own rows only", async () => {
  const own = (await file("csv", oneTenant('ten, "ant"\n2'))).toString();
  expect(own.match(/"Usage-Based"/g)).toHaveLength(1);
  expect(own).not.toContain("tenant-01");
  // The operator's account is nobody's to ask for by name.
  expect((await file("csv", oneTenant("operator"))).toString().match(/"Usage-Based"/g)).toBeNull();
});

it("meterhouse export focus writes what the API streams, whole or not at all", async () => {
  const { api, keys } = await testApi({ focus });
  const port = await listen(api, { host: "127.0.0.1", port: 0, name: "TEST" });
  const folder = await mkdtemp(join(tmpdir(), "meterhouse-focus-"));
  onTestFinished(async () => {
    await api.close();
    await rm(folder, { recursive: true });
  });
  const env = {
    ...CHILD_ENV,
    METERHOUSE_API_URL: `http://127.0.0.1:${port}`,
    METERHOUSE_API_KEY: keys.operator,
  };
  const range = ["--from", formatHour(RANGE.from), "--to", formatHour(RANGE.to)];
  const cli = (...args: string[]) =>
    promisify(execFile)(process.execPath, ["services/cli/main.ts", "export", "focus", ...args], { env });
  const [csv, parquet] = [join(folder, "charges.csv"), join(folder, "charges.parquet")];
  await cli(...range, "--out", csv);
  expect(await readFile(csv)).toEqual(await file("csv"));
  await cli(...range, "--out", parquet, "--tenant", "tenant-01");
  expect((await readFile(parquet)).subarray(0, 4).toString()).toBe("PAR1");
  const backwards = cli(
    "--from",
    formatHour(RANGE.to),
    "--to",
    formatHour(RANGE.from),
    "--out",
    join(folder, "no"),
  );
  await expect(backwards).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("API_TIMES_REVERSED"),
  });
  await expect(cli(...range)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("--out") });
  expect((await readdir(folder)).toSorted()).toEqual(["charges.csv", "charges.parquet"]);
});
