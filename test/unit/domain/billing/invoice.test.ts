import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../../../services/adapters/crypto/crypto.ts";
import { drawnBefore } from "../../../../services/domain/billing/compute-invoice.ts";
import {
  draftInvoice,
  finalise,
  invoiceText,
  minorUnit,
  type UnroundedLine,
  voidInvoice,
} from "../../../../services/domain/billing/invoice.ts";
import { invoiceDocument, readInvoice } from "../../../../services/domain/billing/invoice-document.ts";
import { plainLine } from "../../../../services/domain/billing/lines.ts";
import { splitByProject } from "../../../../services/domain/billing/split-cents.ts";
import { divideHalfEven } from "../../../../services/domain/money/rounding.ts";
import {
  decimal,
  input,
  invoiceOf,
  lineSummaries,
  NOVEMBER,
  packageOf,
  secondsOfUsage,
  settlementOf,
  tenantHour,
} from "../../../support/builders/tenant-hours.ts";

const HEAD = { invoice_id: "i1", tenant_id: "t", currency: "USD", period_from: 0, period_to: 3600 };

function line(amount: bigint, project_id = "", id = "l1"): UnroundedLine {
  const fields = { period_from: 0, kind: "usage", name: "r", project_id } as const;
  return { ...plainLine(fields, amount), line_id: id, reference: null };
}

describe("rounding to the minor unit", () => {
  it.each([
    ["USD", "0.01"],
    ["JPY", "1"],
    ["KWD", "0.001"],
    ["CLF", "0.0001"],
  ])("of %s is to %s", (currency, unit) => {
    expect(minorUnit(currency)).toBe(decimal(unit));
  });

  it("happens once: lines of a third of a cent add up to a cent, the largest remainder takes it", () => {
    const invoice = draftInvoice(HEAD, [
      line(decimal("0.003")),
      line(decimal("0.004")),
      line(decimal("0.003")),
    ]);
    expect(invoice.total).toBe(decimal("0.01"));
    expect(invoice.lines.map((own) => own.rounded_amount)).toEqual([0n, decimal("0.01"), 0n]);
  });

  it("is half to even, also below zero", () => {
    const totals = ["0.005", "0.015", "-0.005", "-0.015"].map(
      (amount) => draftInvoice(HEAD, [line(decimal(amount))]).total,
    );
    expect(totals).toEqual([0n, decimal("0.02"), 0n, decimal("-0.02")]);
  });

  it("moves no line by a whole unit, and lines add up to the total", () => {
    const amount = fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n });
    fc.assert(
      fc.property(fc.array(amount), fc.constantFrom("USD", "JPY", "KWD"), (amounts, currency) => {
        const unit = minorUnit(currency);
        const invoice = draftInvoice(
          { ...HEAD, currency },
          amounts.map((own) => line(own)),
        );
        const sum = amounts.reduce((total, own) => total + own, 0n);
        expect(invoice.amount).toBe(sum);
        expect(invoice.total).toBe(divideHalfEven(sum, unit) * unit);
        expect(invoice.lines.reduce((total, own) => total + own.rounded_amount, 0n)).toBe(invoice.total);
        for (const own of invoice.lines) {
          expect(own.rounded_amount % unit).toBe(0n);
          const moved = own.rounded_amount - own.amount;
          expect(moved < unit && moved > -unit).toBe(true);
        }
      }),
    );
  });
});

describe("an invoice", () => {
  const draft = draftInvoice(HEAD, [line(decimal("1.9375"))]);

  it("takes the next number and then stays as it is", () => {
    expect(finalise(draft, 3n, 1n)).toEqual({ ok: false, refusal: "NUMBER_NOT_NEXT" });
    const issued = invoiceOf(draft, 2n);
    expect(issued).toEqual({ ...draft, state: "finalised", number: 2n });
    expect(finalise(issued, 3n, 2n)).toEqual({ ok: false, refusal: "NOT_A_DRAFT" });
    expect(invoiceText(issued)).toBe(invoiceText(draft));
  });

  it("is voided by a credit note with the opposite lines, once, with a reason", () => {
    const issued = invoiceOf(draft, 1n);
    const note = { number: 1n, last: 0n, reason: "wrong tenant" };
    expect(voidInvoice(draft, note, sha256)).toEqual({ ok: false, refusal: "NOT_FINALISED" });
    expect(voidInvoice(issued, { ...note, reason: " " }, sha256)).toEqual({
      ok: false,
      refusal: "REASON_MISSING",
    });
    expect(voidInvoice(issued, { ...note, number: 2n }, sha256)).toEqual({
      ok: false,
      refusal: "NUMBER_NOT_NEXT",
    });
    const result = voidInvoice(issued, note, sha256);
    if (!result.ok) throw new Error(result.refusal);
    expect(result.credit_note.total).toBe(decimal("-1.94"));
    expect(result.credit_note.lines[0]).toMatchObject({
      amount: decimal("-1.9375"),
      reference: { invoice_id: "i1", line_id: "l1" },
    });
    expect(voidInvoice(result.invoice, note, sha256)).toEqual({ ok: false, refusal: "NOT_FINALISED" });
  });

  it("that was voided is invoiced anew in full, and gives its package back", () => {
    const given = { hours: [tenantHour(1, [secondsOfUsage(3600)])], prepaid: [packageOf()] };
    const issued = invoiceOf(settlementOf(input(given)).invoice, 1n);
    expect(drawnBefore([issued], NOVEMBER.to)).toEqual(new Map([["package-1", decimal("0.5")]]));
    const result = voidInvoice(issued, { number: 1n, last: 0n, reason: "wrong address" }, sha256);
    if (!result.ok) throw new Error(result.refusal);
    expect(drawnBefore([result.invoice], NOVEMBER.to)).toEqual(new Map());
    const again = settlementOf(input({ ...given, invoices: [result.invoice] })).invoice;
    expect(again?.invoice_id).not.toBe(issued.invoice_id);
    expect(lineSummaries(again)).toEqual(lineSummaries(issued));
  });

  it("has a text that every field changes", () => {
    const texts = [
      draft,
      draftInvoice(HEAD, [line(decimal("1.9375"), "p")]),
      draftInvoice(HEAD, [line(decimal("1.93750000001"))]),
      draftInvoice(HEAD, [{ ...line(decimal("1.9375")), reference: { invoice_id: "i0", line_id: "l0" } }]),
      draftInvoice({ ...HEAD, currency: "EUR" }, [line(decimal("1.9375"))]),
    ].map(invoiceText);
    expect(new Set(texts).size).toBe(texts.length);
  });
});

describe("splitByProject", () => {
  it("gives each project its usage and its share of the rest, to the cent", () => {
    const invoice = draftInvoice(HEAD, [
      line(decimal("2"), "a"),
      line(decimal("1"), "b", "l2"),
      line(decimal("-1"), "", "l3"),
    ]);
    expect(splitByProject(invoice)).toEqual([
      { project_id: "a", total: decimal("1.33") },
      { project_id: "b", total: decimal("0.67") },
    ]);
  });

  it("keeps under no project what no project has usage for", () => {
    const invoice = draftInvoice(HEAD, [line(decimal("20"))]);
    expect(splitByProject(invoice)).toEqual([{ project_id: "", total: decimal("20") }]);
    expect(splitByProject(draftInvoice(HEAD, []))).toEqual([]);
  });

  it("adds up to the invoice", () => {
    const entry = fc.record({
      amount: fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }),
      project: fc.constantFrom("", "a", "b", "c"),
    });
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const invoice = draftInvoice(
          HEAD,
          entries.map(({ amount, project }) => line(amount, project)),
        );
        const sum = splitByProject(invoice).reduce((total, own) => total + own.total, 0n);
        expect(sum).toBe(invoice.total);
      }),
    );
  });
});

describe("an invoice as JSON", () => {
  it("comes back as it was", () => {
    const given = { hours: [tenantHour(1, [secondsOfUsage(3600)])], prepaid: [packageOf()] };
    const draft = settlementOf(input(given)).invoice;
    for (const invoice of [invoiceOf(draft, 7n), draftInvoice(HEAD, [])]) {
      const text = JSON.stringify(invoiceDocument(invoice));
      expect(readInvoice(JSON.parse(text))).toEqual(invoice);
    }
    const broken = { ...invoiceDocument(draftInvoice(HEAD, [])), total: "1e3" };
    expect(() => readInvoice(broken)).toThrow("was stored as a decimal");
  });
});
