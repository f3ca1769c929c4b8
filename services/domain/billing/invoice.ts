import { cardOf } from "../event/fields.ts";
import { type Decimal, formatDecimal } from "../money/decimal.ts";
import { roundToSum } from "../money/rounding.ts";
import type { Hour } from "../time/hour.ts";
import type { StatementLine } from "./lines.ts";

/** What a line corrects. `line_id` is "" where the invoice had no such line. */
export interface LineReference {
  readonly invoice_id: string;
  readonly line_id: string;
}

/** A line of an invoice. With a reference it is an adjustment: its sums are differences to what was invoiced before. */
export interface InvoiceLine extends StatementLine {
  readonly line_id: string;
  readonly reference: LineReference | null;
  /** A multiple of the currency's minor unit; these add up to the invoice's total. */
  readonly rounded_amount: Decimal;
}

/** A draft may change with every settlement; a finalised invoice never does; a credit note voids it as a whole. */
export type InvoiceState = "draft" | "finalised" | "voided";

export interface Invoice {
  readonly invoice_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly period_from: Hour;
  readonly period_to: Hour;
  readonly state: InvoiceState;
  /** 1, 2, 3 … without gaps over all finalised invoices; null for a draft. */
  readonly number: bigint | null;
  readonly lines: readonly InvoiceLine[];
  /** Sum of the amounts, and that sum rounded once to the minor unit. */
  readonly amount: Decimal;
  readonly total: Decimal;
}

/** Takes back a whole invoice: the same lines with the opposite sign. */
export interface CreditNote {
  readonly credit_note_id: string;
  readonly invoice_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly number: bigint;
  readonly reason: string;
  readonly lines: readonly InvoiceLine[];
  readonly amount: Decimal;
  readonly total: Decimal;
}

export type InvoiceRefusal = "NOT_A_DRAFT" | "NOT_FINALISED" | "NUMBER_NOT_NEXT" | "REASON_MISSING";
type Refused = { readonly ok: false; readonly refusal: InvoiceRefusal };

export type UnroundedLine = Omit<InvoiceLine, "rounded_amount">;

export function draftInvoice(
  fields: Pick<Invoice, "invoice_id" | "tenant_id" | "currency" | "period_from" | "period_to">,
  lines: readonly UnroundedLine[],
): Invoice {
  const rounded = roundToSum(
    lines.map(({ amount }) => amount),
    minorUnit(fields.currency),
  );
  return {
    ...fields,
    state: "draft",
    number: null,
    lines: lines.map((line, index) => ({ ...line, rounded_amount: rounded[index] ?? 0n })),
    amount: lines.reduce((sum, { amount }) => sum + amount, 0n),
    total: rounded.reduce((sum, amount) => sum + amount, 0n),
  };
}

/** Gives a draft its number, which must be the next one after `last` (0 where there is none yet). */
export function finalise(
  invoice: Invoice,
  number: bigint,
  last: bigint,
): { readonly ok: true; readonly invoice: Invoice } | Refused {
  if (invoice.state !== "draft") return { ok: false, refusal: "NOT_A_DRAFT" };
  if (number !== last + 1n) return { ok: false, refusal: "NUMBER_NOT_NEXT" };
  return { ok: true, invoice: { ...invoice, state: "finalised", number } };
}

/** Voids a finalised invoice by a credit note with a number of its own series. */
export function voidInvoice(
  invoice: Invoice,
  note: { readonly number: bigint; readonly last: bigint; readonly reason: string },
  hash: (text: string) => string,
): { readonly ok: true; readonly invoice: Invoice; readonly credit_note: CreditNote } | Refused {
  if (invoice.state !== "finalised") return { ok: false, refusal: "NOT_FINALISED" };
  if (note.number !== note.last + 1n) return { ok: false, refusal: "NUMBER_NOT_NEXT" };
  if (note.reason.trim() === "") return { ok: false, refusal: "REASON_MISSING" };
  const { invoice_id, tenant_id, currency } = invoice;
  const credit_note_id = hash(JSON.stringify(["meterhouse-credit-note/1", invoice_id]));
  const lines = invoice.lines.map((line): InvoiceLine => {
    const line_id = hash(JSON.stringify(["meterhouse-line/1", credit_note_id, line.line_id]));
    return {
      ...line,
      line_id,
      reference: { invoice_id, line_id: line.line_id },
      quantity: -line.quantity,
      gpu_time_ns: -line.gpu_time_ns,
      amount: -line.amount,
      rounded_amount: -line.rounded_amount,
    };
  });
  const credit_note: CreditNote = {
    credit_note_id,
    invoice_id,
    tenant_id,
    currency,
    number: note.number,
    reason: note.reason,
    lines,
    amount: -invoice.amount,
    total: -invoice.total,
  };
  return { ok: true, invoice: { ...invoice, state: "voided" }, credit_note };
}

/** The invoice as the text that is hashed: a head, then one JSON line each. State and number are not part of it. */
export function invoiceText(invoice: Invoice): string {
  const { invoice_id, tenant_id, currency, period_from, period_to, lines } = invoice;
  const head = [
    "meterhouse-invoice/1",
    invoice_id,
    tenant_id,
    currency,
    period_from,
    period_to,
    lines.length,
  ];
  const sums = [invoice.amount, invoice.total].map(formatDecimal);
  return [JSON.stringify([...head, ...sums]), ...lines.map(lineText), ""].join("\n");
}

function lineText(line: InvoiceLine): string {
  return JSON.stringify(Object.values(lineFields(line)));
}

/** Every field of a line as a text, in the order in which they are hashed. */
export function lineFields(line: InvoiceLine): Readonly<Record<string, string>> {
  return {
    line_id: line.line_id,
    adjusted_invoice_id: line.reference?.invoice_id ?? "",
    adjusted_line_id: line.reference?.line_id ?? "",
    period_from: String(line.period_from),
    kind: line.kind,
    name: line.name,
    plan: line.plan,
    project_id: line.project_id,
    model: line.model,
    ...cardOf(line),
    price_book: line.price_book,
    unit: line.unit,
    tier: String(line.tier),
    factor: formatDecimal(line.factor),
    gpu_time_ns: String(line.gpu_time_ns),
    quantity: formatDecimal(line.quantity),
    unit_price: formatDecimal(line.unit_price),
    amount: formatDecimal(line.amount),
    rounded_amount: formatDecimal(line.rounded_amount),
  };
}

/** ISO 4217 currencies whose minor unit is not a hundredth, by digits behind the point. */
const MINOR_DIGITS: Readonly<Record<string, bigint>> = Object.fromEntries([
  ..."BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    .split(" ")
    .map((code) => [code, 0n]),
  ..."BHD IQD JOD KWD LYD OMR TND".split(" ").map((code) => [code, 3n]),
  ..."CLF UYW".split(" ").map((code) => [code, 4n]),
]);

/** The smallest amount of a currency that can be paid, as a decimal. */
export function minorUnit(currency: string): Decimal {
  return 10n ** (12n - (MINOR_DIGITS[currency] ?? 2n));
}
