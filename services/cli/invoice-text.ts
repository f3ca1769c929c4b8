// Invoices as texts for a terminal: each line as quantity x price = amount.
import type { PricingOperations } from "../client/pricing-operations.ts";
import { lineWords, moneyWords, shortDecimal, unitWords } from "../domain/billing/line-texts.ts";
import { ONE } from "../domain/money/decimal.ts";
import { parseStoredDecimal } from "../domain/money/stored-decimal.ts";

type Reply<Name extends keyof PricingOperations> = PricingOperations[Name]["reply"];
type Line = Reply<"getInvoice">["lines"][number];

export function invoiceText(invoice: Reply<"getInvoice">): string {
  const { number, tenant_id, state, voided, currency, total } = invoice;
  const isVoid = voided === null ? "" : ` by credit note ${voided.number}: ${voided.reason}`;
  return [
    `Invoice ${number} of ${tenant_id}, ${periodWords(invoice)}, ${state}${isVoid}`,
    ...linesText(invoice.lines, currency),
    `Total: ${moneyWords(parseStoredDecimal(total), currency)}`,
    `To verify: meterhouse verify ${invoice.invoice_id}`,
  ].join("\n");
}

export function draftText(draft: Reply<"draftInvoice">): string {
  const { tenant_id, currency, total, waiting } = draft;
  const waits = waiting.map(({ hour, why }) => `  waits for ${hour}: ${why}`);
  if (draft.invoice_id === null) {
    return [`Nothing is left to invoice ${tenant_id} for, ${periodWords(draft)}`, ...waits].join("\n");
  }
  return [
    `Draft for ${tenant_id}, ${periodWords(draft)}`,
    ...linesText(draft.lines, currency),
    `Total: ${moneyWords(parseStoredDecimal(total), currency)}`,
    ...waits,
  ].join("\n");
}

export function runText({ results, ...period }: Reply<"finaliseInvoices">): string {
  const lines = results.map(({ tenant_id, status, invoice, code, detail }) => {
    if (invoice === null)
      return `  ${tenant_id}: ${status === "refused" ? `${code} ${detail}` : "nothing to invoice"}`;
    const state = status === "finalised" ? "" : ", nothing new";
    return `  ${tenant_id}: ${summaryText(invoice)}${state}`;
  });
  return [`${periodWords(period)}:`, ...(lines.length === 0 ? ["  nothing to invoice"] : lines)].join("\n");
}

export function listText(invoices: Reply<"listInvoices">["items"]): string {
  if (invoices.length === 0) return "there are no invoices";
  return invoices
    .map((it) => `${it.tenant_id}, ${periodWords(it)}: ${summaryText(it)}, ${it.state}`)
    .join("\n");
}

export function creditNoteText(note: Reply<"voidInvoice">): string {
  const total = moneyWords(parseStoredDecimal(note.total), note.currency);
  return `Credit note ${note.number} takes invoice ${note.invoice_number} back: ${total} (${note.credit_note_id})`;
}

function summaryText(invoice: Reply<"listInvoices">["items"][number]): string {
  const { number, total, currency, lines, adjustments, invoice_id } = invoice;
  const adjusted = adjustments === 0 ? "" : `, ${adjustments} of them adjustments`;
  return `invoice ${number}, ${moneyWords(parseStoredDecimal(total), currency)}, ${lines} ${lines === 1 ? "line" : "lines"}${adjusted} (${invoice_id})`;
}

function linesText(lines: readonly Line[], currency: string): string[] {
  return lines.flatMap((line) => {
    const { quantity, unit, unit_price, factor, amount, rounded_amount, reference } = line;
    const times = parseStoredDecimal(factor) === ONE ? "" : ` x ${shortDecimal(parseStoredDecimal(factor))}`;
    const units = [shortDecimal(parseStoredDecimal(quantity)), unitWords(unit, currency)].join(" ").trimEnd();
    const price = `${units} x ${shortDecimal(parseStoredDecimal(unit_price))}${times}`;
    const rounded = moneyWords(parseStoredDecimal(rounded_amount), currency);
    const corrected = reference === null ? [] : [`    ${correctionWords(reference, line.period_from)}`];
    return [
      `  ${lineWords(line)}`,
      `    ${price} = ${shortDecimal(parseStoredDecimal(amount))}, rounded ${rounded}`,
      ...corrected,
    ];
  });
}

function correctionWords({ invoice_id, line_id }: NonNullable<Line["reference"]>, from: string): string {
  const what = line_id === "" ? `adds to invoice ${invoice_id}` : `corrects line ${line_id} of ${invoice_id}`;
  return `${what}, period from ${from}`;
}

function periodWords(period: { readonly period_from: string; readonly period_to: string }): string {
  return `${period.period_from} up to ${period.period_to}`;
}
