import { formatDecimal } from "../money/decimal.ts";
import { parseStoredDecimal } from "../money/stored-decimal.ts";
import type { CreditNote, Invoice, InvoiceLine } from "./invoice.ts";

// Invoices and credit notes as plain JSON values, money and big integers as texts, and back: what is stored and what is served.

type Texts<T, Name extends keyof T> = Omit<T, Name> & { readonly [name in Name]: string };

export type InvoiceLineDocument = Texts<
  InvoiceLine,
  "factor" | "quantity" | "unit_price" | "amount" | "rounded_amount" | "gpu_time_ns"
>;

export type InvoiceDocument = Omit<Invoice, "number" | "amount" | "total" | "lines"> & {
  readonly number: string | null;
  readonly amount: string;
  readonly total: string;
  readonly lines: readonly InvoiceLineDocument[];
};

export type CreditNoteDocument = Omit<CreditNote, "number" | "amount" | "total" | "lines"> & {
  readonly number: string;
  readonly amount: string;
  readonly total: string;
  readonly lines: readonly InvoiceLineDocument[];
};

export function invoiceDocument(invoice: Invoice): InvoiceDocument {
  return {
    ...invoice,
    number: invoice.number === null ? null : String(invoice.number),
    amount: formatDecimal(invoice.amount),
    total: formatDecimal(invoice.total),
    lines: invoice.lines.map(lineDocument),
  };
}

export function creditNoteDocument(note: CreditNote): CreditNoteDocument {
  return {
    ...note,
    number: String(note.number),
    amount: formatDecimal(note.amount),
    total: formatDecimal(note.total),
    lines: note.lines.map(lineDocument),
  };
}

export function lineDocument(line: InvoiceLine): InvoiceLineDocument {
  return {
    ...line,
    factor: formatDecimal(line.factor),
    quantity: formatDecimal(line.quantity),
    unit_price: formatDecimal(line.unit_price),
    amount: formatDecimal(line.amount),
    rounded_amount: formatDecimal(line.rounded_amount),
    gpu_time_ns: String(line.gpu_time_ns),
  };
}

/** Throws a RangeError for a text that no invoice was written with. */
export function readInvoice(document: InvoiceDocument): Invoice {
  return {
    ...document,
    number: document.number === null ? null : BigInt(document.number),
    amount: parseStoredDecimal(document.amount),
    total: parseStoredDecimal(document.total),
    lines: document.lines.map(readLine),
  };
}

/** Throws a RangeError for a text that no credit note was written with. */
export function readCreditNote(document: CreditNoteDocument): CreditNote {
  return {
    ...document,
    number: BigInt(document.number),
    amount: parseStoredDecimal(document.amount),
    total: parseStoredDecimal(document.total),
    lines: document.lines.map(readLine),
  };
}

function readLine(line: InvoiceLineDocument): InvoiceLine {
  return {
    ...line,
    factor: parseStoredDecimal(line.factor),
    quantity: parseStoredDecimal(line.quantity),
    unit_price: parseStoredDecimal(line.unit_price),
    amount: parseStoredDecimal(line.amount),
    rounded_amount: parseStoredDecimal(line.rounded_amount),
    gpu_time_ns: BigInt(line.gpu_time_ns),
  };
}
