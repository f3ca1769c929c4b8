import { computeInvoice, type InvoiceComputation } from "../billing/compute-invoice.ts";
import type { PublishedBook } from "../billing/contract-segments.ts";
import { type SettlementFault, settlementFault } from "../billing/faults.ts";
import type { LineIdentity, StatementLine } from "../billing/lines.ts";
import type { TenantHour } from "../billing/statement.ts";
import { bookInForce } from "../books/price-book.ts";
import { compareText, type UsageRow } from "../closing/usage.ts";
import { CARD_FIELDS, type CardField, cardOf } from "../event/fields.ts";
import type { Decimal } from "../money/decimal.ts";
import { rateHour } from "../rating/charges.ts";
import type { Hour } from "../time/hour.ts";

/** Usage of one tenant in one hour. */
export interface UsageHour {
  readonly hour: Hour;
  readonly revision: number;
  readonly rows: readonly UsageRow[];
}

/** The same usage, subscriptions and packages, once under the books in force and once under the candidate. */
export interface WhatIfInput extends Omit<InvoiceComputation, "hours" | "invoices"> {
  readonly usage: readonly UsageHour[];
  /** Rates every hour of the periods, whatever hour it is to take effect from. */
  readonly candidate: PublishedBook;
}

export interface Comparison {
  readonly before: Decimal;
  readonly after: Decimal;
  readonly difference: Decimal;
}

/** What two books make of the same thing. Books, tiers and factors are not distinguished here: they differ by nature. */
export type LineComparison = Comparison &
  Pick<LineIdentity, "kind" | "name" | "project_id" | "model" | CardField>;

export type WhatIf =
  | { readonly ok: false; readonly faults: readonly SettlementFault[] }
  | {
      readonly ok: true;
      readonly total: Comparison;
      readonly lines: readonly LineComparison[];
      /** Rows on cards that a book has no price for: they are in neither sum. */
      readonly unrated: { readonly before: number; readonly after: number };
    };

/** What a tenant would pay under a candidate book, by line. */
export function whatIf({ candidate, usage, ...input }: WhatIfInput): WhatIf {
  if (candidate.currency !== input.currency) {
    return { ok: false, faults: [settlementFault("SETTLEMENT_CURRENCY", candidate.name)] };
  }
  const from = input.periods[0]?.from ?? 0;
  const before = linesUnder(input, usage, input.books);
  const after = linesUnder(input, usage, [{ ...candidate, effective_from: from }]);
  if (!before.ok) return before;
  if (!after.ok) return after;
  return {
    ok: true,
    total: compared(sumOf(before.lines), sumOf(after.lines)),
    lines: compareLines(before.lines, after.lines),
    unrated: { before: before.unrated, after: after.unrated },
  };
}

/** The lines that differ most, in their own order, and what all others come to, so that nothing of the sums is lost. */
export function largestDifferences(
  lines: readonly LineComparison[],
  limit: number,
): { readonly lines: readonly LineComparison[]; readonly others: Comparison & { readonly count: number } } {
  const size = ({ difference }: Comparison) => (difference < 0n ? -difference : difference);
  const bySize = lines.toSorted((a, b) => (size(a) === size(b) ? 0 : size(a) > size(b) ? -1 : 1));
  const largest = new Set(bySize.slice(0, limit));
  const rest = lines.filter((line) => !largest.has(line));
  return {
    lines: lines.filter((line) => largest.has(line)),
    others: { ...sumOfComparisons(rest), count: rest.length },
  };
}

export function sumOfComparisons(parts: readonly Comparison[]): Comparison {
  const sum = (name: keyof Comparison) => parts.reduce((total, part) => total + part[name], 0n);
  return compared(sum("before"), sum("after"));
}

function linesUnder(
  input: Omit<WhatIfInput, "candidate" | "usage">,
  usage: readonly UsageHour[],
  books: readonly PublishedBook[],
) {
  let unrated = 0;
  const hours = usage.flatMap(({ hour, revision, rows }): TenantHour[] => {
    const book = bookInForce(books, hour);
    if (book === null) {
      unrated += rows.length;
      return [];
    }
    const rated = rateHour(rows, book);
    unrated += Number(rated.unrated);
    return [{ hour, revision, price_book: book.hash, charges: rated.charges }];
  });
  const computed = computeInvoice({ ...input, books, hours, invoices: [] });
  if (!computed.ok) return computed;
  return { ok: true as const, lines: computed.statements.flatMap(({ lines }) => lines), unrated };
}

function compareLines(before: readonly StatementLine[], after: readonly StatementLine[]): LineComparison[] {
  const old = Map.groupBy(before, comparedKey);
  const candidate = Map.groupBy(after, comparedKey);
  const keys = [...new Set([...old.keys(), ...candidate.keys()])].toSorted(compareText);
  return keys.flatMap((key) => {
    const current = old.get(key) ?? [];
    const other = candidate.get(key) ?? [];
    const line = current[0] ?? other[0];
    if (line === undefined) return [];
    const { kind, name, project_id, model } = line;
    const sums = compared(sumOf(current), sumOf(other));
    return [{ kind, name, project_id, model, ...cardOf(line), ...sums }];
  });
}

function comparedKey(line: StatementLine): string {
  const { kind, name, project_id, model } = line;
  return JSON.stringify([kind, name, project_id, model, ...CARD_FIELDS.map((field) => line[field])]);
}

function compared(before: Decimal, after: Decimal): Comparison {
  return { before, after, difference: after - before };
}

function sumOf(lines: readonly StatementLine[]): Decimal {
  return lines.reduce((sum, { amount }) => sum + amount, 0n);
}
