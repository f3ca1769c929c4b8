// What an invoice rests on, kept with it, so that it can be computed again from nothing but stored things.

import type { HourRevision } from "../../domain/billing/compute-invoice.ts";
import type { Period, PublishedBook, Subscription } from "../../domain/billing/contract-segments.ts";
import type { Invoice } from "../../domain/billing/invoice.ts";
import { endOf, type Prepaid } from "../../domain/billing/prepaid.ts";
import type { Contract } from "../../domain/billing/statement.ts";
import { bookInForce } from "../../domain/books/price-book.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import { HOUR_S, type Hour } from "../../domain/time/hour.ts";

/** Hours one after the other with the same revision, rated by the same book. */
export interface RevisionRun {
  readonly from: Hour;
  readonly to: Hour;
  readonly revision: number;
  readonly price_book: string;
}

export interface StatedPeriod extends Period {
  /** Of what the contract says about this period. */
  readonly terms_hash: string;
}

type StoredPrepaid = Omit<Prepaid, "quantity" | "price"> & {
  readonly quantity: string;
  readonly price: string;
};

/** A contract as it was, with its books by their hashes. */
interface ContractSnapshot {
  readonly books: readonly string[];
  readonly subscriptions: readonly Subscription[];
  readonly prepaid: readonly StoredPrepaid[];
}

export interface InvoiceInputs {
  /** The periods that were stated, one after the other; the last one is the invoice's. */
  readonly periods: readonly StatedPeriod[];
  readonly rests_on: readonly RevisionRun[];
  /** The tenant's invoices before this one, in order of number, and whether they were voided by then. */
  readonly earlier: readonly {
    readonly invoice_id: string;
    readonly number: string;
    readonly state: "finalised" | "voided";
  }[];
  readonly contract: ContractSnapshot;
}

export function inputsOf(
  contract: Contract,
  periods: readonly Period[],
  rests_on: readonly HourRevision[],
  earlier: readonly Invoice[],
  hash: (text: string) => string,
): InvoiceInputs {
  const end = periods.at(-1)?.to ?? 0;
  return {
    periods: periods.map((period) => ({ ...period, terms_hash: termsHash(contract, period, hash) })),
    rests_on: runsOf(rests_on),
    earlier: earlier.map(({ invoice_id, number, state }) => ({
      invoice_id,
      number: String(number),
      state: state === "voided" ? "voided" : "finalised",
    })),
    contract: {
      books: contract.books.filter((book) => book.effective_from < end).map(({ hash: name }) => name),
      subscriptions: contract.subscriptions,
      prepaid: contract.prepaid.map(storedPrepaid),
    },
  };
}

/** The contract of an invoice. `books` are all that are published. */
export function contractIn(
  { tenant_id, currency }: Pick<Invoice, "tenant_id" | "currency">,
  { contract }: InvoiceInputs,
  books: readonly PublishedBook[],
): Contract {
  const { subscriptions, prepaid } = contract;
  const known = books.filter(({ hash }) => contract.books.includes(hash));
  return { tenant_id, currency, books: known, subscriptions, prepaid: prepaid.map(readPrepaid) };
}

/** The same for everything that a period's statement depends on, whatever happens after its end. */
export function termsHash(contract: Contract, period: Period, hash: (text: string) => string): string {
  const within = (hour: Hour | null) => (hour === null || hour >= period.to ? null : hour);
  // a supplement adds cards and changes no terms
  const own = contract.books.filter(({ supplements }) => supplements === "");
  const first = bookInForce(own, period.from);
  const books = own
    .filter((book) => book === first || within(book.effective_from) !== null)
    .filter((book) => book === first || book.effective_from > period.from);
  const subscriptions = contract.subscriptions
    .filter(({ from, to }) => from < period.to && (to === null || to > period.from))
    .map(({ plan, from, to }) => JSON.stringify([plan, from, within(to)]));
  const prepaid = contract.prepaid
    .filter((own) => own.starts_at < period.to && endOf(own) >= period.from)
    .map((own) => JSON.stringify({ ...storedPrepaid(own), refunded_at: within(own.refunded_at) }));
  const parts = [books.map((book) => book.hash), subscriptions, prepaid].map((part) => part.toSorted());
  return hash(JSON.stringify(["meterhouse-terms/1", contract.currency, ...parts]));
}

export function runsOf(revisions: readonly HourRevision[]): RevisionRun[] {
  const runs: RevisionRun[] = [];
  for (const { hour, revision, price_book } of revisions) {
    const last = runs.at(-1);
    const goesOn =
      last !== undefined && last.to === hour && last.revision === revision && last.price_book === price_book;
    if (goesOn) runs[runs.length - 1] = { ...last, to: hour + HOUR_S };
    else runs.push({ from: hour, to: hour + HOUR_S, revision, price_book });
  }
  return runs;
}

export function revisionsOf(runs: readonly RevisionRun[]): HourRevision[] {
  return runs.flatMap(({ from, to, revision, price_book }) =>
    Array.from({ length: (to - from) / HOUR_S }, (_, at) => ({
      hour: from + at * HOUR_S,
      revision,
      price_book,
    })),
  );
}

function storedPrepaid(prepaid: Prepaid): StoredPrepaid {
  const { quantity, price } = prepaid;
  return { ...prepaid, quantity: formatDecimal(quantity), price: formatDecimal(price) };
}

function readPrepaid(stored: StoredPrepaid): Prepaid {
  return {
    ...stored,
    quantity: parseStoredDecimal(stored.quantity),
    price: parseStoredDecimal(stored.price),
  };
}
