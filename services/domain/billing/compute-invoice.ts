// Settlement states every period anew from the newest revision of each hour, and invoices the difference to what was invoiced
// before. So nothing needs to be known about how a late event changed an hour, a tier or a package: whatever changed shows as an
// adjustment, the invoices of a period always add up to its statement, and running it again adds nothing.

import { compareText } from "../closing/usage.ts";
import { cardOf } from "../event/fields.ts";
import type { Decimal } from "../money/decimal.ts";
import type { Hour } from "../time/hour.ts";
import type { Period } from "./contract-segments.ts";
import { type SettlementFault, settlementFaults } from "./faults.ts";
import { draftInvoice, type Invoice, type LineReference, type UnroundedLine } from "./invoice.ts";
import { isNothing, LINE_KINDS, type LineSums, lineKey, NOTHING, type StatementLine } from "./lines.ts";
import { Balances, type Drawn } from "./prepaid.ts";
import { type Contract, type Statement, statementOf, type TenantHour } from "./statement.ts";

export interface InvoiceComputation extends Contract {
  /** One after another; the last one is the one to invoice. Periods before it are stated for late revisions and packages. */
  readonly periods: readonly Period[];
  /** Hours of these periods, in any order. Of several revisions of an hour the newest counts. */
  readonly hours: readonly TenantHour[];
  /** What was drawn before the first of these periods, see `drawnBefore`. */
  readonly opening: Drawn;
  /** Invoices of this tenant and currency that have been issued, voided ones too. */
  readonly invoices: readonly Invoice[];
  readonly hash: (text: string) => string;
}

export type ComputedInvoice =
  | { readonly ok: false; readonly faults: readonly SettlementFault[] }
  | {
      readonly ok: true;
      /** Null where everything has been invoiced. */
      readonly invoice: Invoice | null;
      readonly statements: readonly Statement[];
      /** Revisions that the statements rest on: the same ones give the same invoice again. In order of hours. */
      readonly rests_on: readonly HourRevision[];
      /** What is drawn from packages and credits at the end of the last period. */
      readonly closing: Drawn;
    };

export type HourRevision = Pick<TenantHour, "hour" | "revision" | "price_book">;

/** Settles one tenant in one currency. Pure: the same input gives the same invoice, ids included. */
export function computeInvoice(input: InvoiceComputation): ComputedInvoice {
  const hours = newestRevisions(input.hours);
  const faults = settlementFaults(input, input.periods, hours, input.invoices);
  if (faults.length > 0) return { ok: false, faults };
  const balances = new Balances(input.opening);
  const statements = input.periods.map((period) => statementOf(period, input, hours, balances));
  const invoice = invoiceOf(input, statements);
  return {
    ok: true,
    invoice,
    statements,
    rests_on: restsOn(hours, input.periods),
    closing: balances.drawn(),
  };
}

/** What finalised invoices of periods before `hour` have drawn from each package and credit. */
export function drawnBefore(invoices: readonly Invoice[], hour: Hour): Drawn {
  const drawn = new Map<string, Decimal>();
  for (const line of effectiveLines(invoices)) {
    const isDraw = line.kind === "package" || line.kind === "prepaid_credit";
    if (isDraw && line.period_from < hour) drawn.set(line.name, (drawn.get(line.name) ?? 0n) + line.quantity);
  }
  return drawn;
}

function restsOn(hours: readonly TenantHour[], periods: readonly Period[]): HourRevision[] {
  return hours
    .filter(({ hour }) => periods.some(({ from, to }) => from <= hour && hour < to))
    .map(({ hour, revision, price_book }) => ({ hour, revision, price_book }))
    .toSorted((a, b) => a.hour - b.hour);
}

function newestRevisions(hours: readonly TenantHour[]): TenantHour[] {
  const newest = new Map<Hour, TenantHour>();
  for (const hour of hours) {
    const known = newest.get(hour.hour);
    if (known === undefined || hour.revision > known.revision) newest.set(hour.hour, hour);
  }
  return [...newest.values()];
}

type IssuedLine = StatementLine & LineReference;

function effectiveLines(invoices: readonly Invoice[]): IssuedLine[] {
  return invoices
    .filter(({ state }) => state === "finalised")
    .flatMap(({ invoice_id, lines }) => lines.map((line) => ({ ...line, invoice_id })));
}

/** The lines that bring what was invoiced to what is stated. */
function invoiceOf(input: InvoiceComputation, statements: readonly Statement[]): Invoice | null {
  const { tenant_id, currency, hash, invoices } = input;
  const last = input.periods.at(-1);
  if (last === undefined) return null;
  // Drafts are not issued, so that the id of a draft stays the same until it is finalised.
  const issued = invoices.filter(({ state }) => state !== "draft").toSorted(inOrderOfNumber);
  const invoice_id = hash(
    JSON.stringify(["meterhouse-invoice/1", tenant_id, currency, last.from, issued.length + 1]),
  );
  const earlier = Map.groupBy(effectiveLines(issued), lineKey);
  const stated = new Map(
    statements.flatMap(({ lines }) => lines.map((line) => [lineKey(line), line] as const)),
  );
  const periods = new Set(input.periods.map(({ from }) => from));
  const keys = new Set([...stated.keys(), ...earlier.keys()]);
  const lines = [...keys].flatMap((key): UnroundedLine[] => {
    const before = earlier.get(key) ?? [];
    const line = stated.get(key) ?? before[0];
    if (line === undefined || !periods.has(line.period_from)) return [];
    const difference = subtract(stated.get(key) ?? NOTHING, before);
    if (isNothing(difference)) return [];
    const line_id = hash(JSON.stringify(["meterhouse-line/1", invoice_id, key]));
    return [{ ...statementFields(line), ...difference, line_id, reference: reference(line, before, issued) }];
  });
  if (lines.length === 0) return null;
  const head = { invoice_id, tenant_id, currency, period_from: last.from, period_to: last.to };
  return draftInvoice(head, lines.toSorted(inOrderOfLines));
}

function subtract(stated: LineSums, before: readonly LineSums[]): LineSums {
  return before.reduce<LineSums>(
    (rest, line) => ({
      quantity: rest.quantity - line.quantity,
      gpu_time_ns: rest.gpu_time_ns - line.gpu_time_ns,
      amount: rest.amount - line.amount,
    }),
    { quantity: stated.quantity, gpu_time_ns: stated.gpu_time_ns, amount: stated.amount },
  );
}

/** The line that is corrected; where it is new in a period that has been invoiced, that invoice. */
function reference(
  { period_from }: StatementLine,
  before: readonly IssuedLine[],
  issued: readonly Invoice[],
): LineReference | null {
  const [original] = before;
  if (original !== undefined) return { invoice_id: original.invoice_id, line_id: original.line_id };
  const invoice = issued.find((other) => other.state === "finalised" && other.period_from === period_from);
  return invoice === undefined ? null : { invoice_id: invoice.invoice_id, line_id: "" };
}

/** An issued line without what made it a line of its own invoice. */
function statementFields(line: StatementLine): StatementLine {
  return {
    period_from: line.period_from,
    kind: line.kind,
    name: line.name,
    plan: line.plan,
    project_id: line.project_id,
    model: line.model,
    ...cardOf(line),
    price_book: line.price_book,
    unit: line.unit,
    tier: line.tier,
    factor: line.factor,
    quantity: line.quantity,
    gpu_time_ns: line.gpu_time_ns,
    amount: line.amount,
    unit_price: line.unit_price,
  };
}

function inOrderOfNumber(a: Invoice, b: Invoice): number {
  return (a.number ?? 0n) < (b.number ?? 0n) ? -1 : 1;
}

/** Adjustments after what is new, then by period, by kind and by identity. */
function inOrderOfLines(a: UnroundedLine, b: UnroundedLine): number {
  return (
    Number(a.reference !== null) - Number(b.reference !== null) ||
    a.period_from - b.period_from ||
    LINE_KINDS.indexOf(a.kind) - LINE_KINDS.indexOf(b.kind) ||
    compareText(lineKey(a), lineKey(b))
  );
}
