import { formatDecimal } from "../money/decimal.ts";
import { type Invoice, type InvoiceLine, lineFields } from "./invoice.ts";

/** Where an invoice differs from what its usage comes to. `line_id` is "" for the invoice as a whole. */
export interface InvoiceDifference {
  readonly line_id: string;
  /** Name of the field, or "line" where one of the two has no such line. */
  readonly field: string;
  /** "" for nothing. */
  readonly invoiced: string;
  readonly recomputed: string;
}

/** Compares an invoice with the one that settlement makes of the same revisions. No difference means that they match. */
export function invoiceDifferences(invoiced: Invoice, recomputed: Invoice | null): InvoiceDifference[] {
  const before = new Map(invoiced.lines.map((line) => [line.line_id, line]));
  const after = new Map(recomputed?.lines.map((line) => [line.line_id, line]));
  const line_ids = [...new Set([...before.keys(), ...after.keys()])];
  const head = fieldDifferences("", headFields(invoiced), recomputed === null ? {} : headFields(recomputed));
  const lines = line_ids.flatMap((line_id) =>
    lineDifferences(line_id, before.get(line_id), after.get(line_id)),
  );
  return [...head, ...lines];
}

function lineDifferences(
  line_id: string,
  invoiced: InvoiceLine | undefined,
  recomputed: InvoiceLine | undefined,
): InvoiceDifference[] {
  if (invoiced === undefined || recomputed === undefined) {
    const of = (line: InvoiceLine | undefined) => (line === undefined ? "" : line_id);
    return [{ line_id, field: "line", invoiced: of(invoiced), recomputed: of(recomputed) }];
  }
  return fieldDifferences(line_id, lineFields(invoiced), lineFields(recomputed));
}

type Fields = Readonly<Record<string, string>>;

function fieldDifferences(line_id: string, invoiced: Fields, recomputed: Fields): InvoiceDifference[] {
  return Object.keys(invoiced)
    .map((field) => ({
      line_id,
      field,
      invoiced: invoiced[field] ?? "",
      recomputed: recomputed[field] ?? "",
    }))
    .filter((entry) => entry.invoiced !== entry.recomputed);
}

function headFields(invoice: Invoice): Fields {
  const { invoice_id, tenant_id, currency, period_from, period_to, amount, total } = invoice;
  return {
    invoice_id,
    tenant_id,
    currency,
    period_from: String(period_from),
    period_to: String(period_to),
    amount: formatDecimal(amount),
    total: formatDecimal(total),
  };
}
