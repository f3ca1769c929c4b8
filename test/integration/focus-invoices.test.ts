// FOCUS 1.2 of invoices: their rows add up to what is payable, and what was paid beforehand is spread over what it covers.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { ClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHouseFocus } from "../../services/adapters/clickhouse/focus.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { ALL, type Audience, oneTenant } from "../../services/domain/access/audience.ts";
import { voidInvoice } from "../../services/domain/billing/invoice.ts";
import { creditNoteDocument, invoiceDocument } from "../../services/domain/billing/invoice-document.ts";
import { formatDecimal } from "../../services/domain/money/decimal.ts";
import { goldenMonth } from "../support/builders/golden-month.ts";
import { DECEMBER, invoiceOf, NOVEMBER, TENANT } from "../support/builders/tenant-hours.ts";
import { expectFocus } from "../support/checks/focus.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";

let database: TestDatabase;
let admin: ClickHouse;
const totals = new Map<string, string>();

beforeAll(async () => {
  database = await freshDatabase();
  admin = database.open("migrate");
  const { first, second: draft } = goldenMonth();
  const second = invoiceOf(draft, 2n);
  const voided = voidInvoice(second, { number: 1n, last: 0n, reason: "because" }, sha256);
  if (!voided.ok) throw new Error(voided.refusal);
  const { credit_note } = voided;
  const documents = new ClickHouseDocuments(database.open("pricing"), database.name, "one", systemClock);
  const common = { version: 1, written_by: "test", reason: "because" };
  await documents.append([
    { ...common, kind: "invoice", id: first.invoice_id, content: { invoice: invoiceDocument(first) } },
    { ...common, kind: "invoice", id: second.invoice_id, content: { invoice: invoiceDocument(second) } },
    {
      ...common,
      kind: "credit_note",
      id: credit_note.credit_note_id,
      content: { credit_note: creditNoteDocument(credit_note) },
    },
  ]);
  totals.set(first.invoice_id, formatDecimal(first.total));
  totals.set(second.invoice_id, formatDecimal(second.total));
  totals.set(credit_note.credit_note_id, formatDecimal(credit_note.total));
});
afterAll(() => database.drop());

it("follow the specification, whatever a line is for", async () => {
  const rows = await expectFocus(admin, "focus_1_2_invoices");
  expect(new Set(rows.map((row) => row["ChargeCategory"]))).toEqual(new Set(["Usage", "Purchase", "Credit"]));
  for (const row of rows) {
    expect(row["ChargeClass"]).toBe(row["x_AdjustedInvoiceId"] === null ? null : "Correction");
  }
});

it("add up to the payable amount of each invoice and credit note, to the digit", async () => {
  const sums = await admin.query<{ id: string; billed: string }>(
    "SELECT assumeNotNull(InvoiceId) AS id, sum(BilledCost) AS billed FROM focus_1_2_invoices GROUP BY id",
    {},
    { settings: { output_format_decimal_trailing_zeros: 1 } },
  );
  expect(new Map(sums.map(({ id, billed }) => [id, billed]))).toEqual(totals);
});

it("spread what a package cost over what it covers, and count prepaid money once", async () => {
  const [of] = await admin.query<Record<string, number>>(
    `SELECT
       toFloat64(sumIf(x_Amount, ChargeCategory = 'Purchase')) AS bought,
       toFloat64(sumIf(EffectiveCost, ChargeCategory = 'Usage')) AS used,
       toFloat64(sumIf(EffectiveCost, ChargeCategory = 'Purchase')) AS purchase
     FROM focus_1_2_invoices WHERE CommitmentDiscountId = 'package-1'`,
  );
  expect(of?.["bought"]).toBeGreaterThan(0);
  // Each row is rounded to 12 digits.
  expect(of?.["used"]).toBeCloseTo(of?.["bought"] ?? 0, 9);
  expect(of?.["purchase"]).toBe(0);
  const [credit] = await admin.query(
    `SELECT toString(sum(BilledCost)) AS billed, toString(sum(EffectiveCost)) AS effective, any(CommitmentDiscountCategory) AS category
     FROM focus_1_2_invoices WHERE x_LineKind = 'prepaid_credit'`,
  );
  expect(credit).toEqual({ billed: "-25", effective: "0", category: "Spend" });
});

it("are a file of their own, each tenant's by itself", async () => {
  const focus = new ClickHouseFocus(database.open("pricing"), "Seller");
  const file = async (audience: Audience, format: "csv" | "parquet") => {
    const pieces: Uint8Array[] = [];
    const range = { from: NOVEMBER.from, to: DECEMBER.to };
    for await (const piece of focus.file(range, audience, { format, rows: "invoices" })) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const csv = (await file(oneTenant(TENANT), "csv")).toString();
  const [count] = await admin.query<{ n: string }>("SELECT count() AS n FROM focus_1_2_invoices");
  expect(csv.trimEnd().split("\n")).toHaveLength(Number(count?.n) + 1);
  expect((await file(oneTenant("another"), "csv")).toString().trimEnd().split("\n")).toHaveLength(1);
  await admin.command("CREATE TABLE from_parquet EMPTY AS SELECT * FROM focus_1_2_invoices");
  await admin.execInsert("INSERT INTO from_parquet FORMAT Parquet", await file(ALL, "parquet"));
  const sum = (table: string) =>
    admin.query(
      `SELECT count() AS n, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective FROM ${table}`,
    );
  expect(await sum("from_parquet")).toEqual(await sum("focus_1_2_invoices"));
});
