import type { TenantCharges } from "../../domain/ports/charges.ts";
import type { BookShelf } from "../books/books.ts";
import type { HourVerifier } from "../verification/verify-hour.ts";

// Computes an invoice again from what it rests on: events to usage, usage to charges, charges to lines.

import type { HourRevision } from "../../domain/billing/compute-invoice.ts";
import type { PublishedBook } from "../../domain/billing/contract-segments.ts";
import { invoiceText } from "../../domain/billing/invoice.ts";
import { type InvoiceDifference, invoiceDifferences } from "../../domain/billing/invoice-differences.ts";
import type { TenantHour } from "../../domain/billing/statement.ts";
import { readPriceBook } from "../../domain/books/price-book.ts";
import type { TenantHourCheck } from "../../domain/closing/verification.ts";
import type { ChargedHour } from "../../domain/ports/charges.ts";

import { type ChargeDifference, chargeDifferences } from "../../domain/rating/charge-differences.ts";
import { rateHour } from "../../domain/rating/charges.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { revisionsOf } from "../issued/invoice-inputs.ts";
import { invoicesOf, type StoredInvoice } from "../issued/issued-invoices.ts";
import { mapConcurrent } from "./map-concurrent.ts";
import { earlierOf, recomputeFrom } from "./recompute.ts";

/** From where on an invoice is computed again: from its stored charges, from the hours' usage, or from the events. */
export const DEPTHS = ["lines", "charges", "events"] as const;
export type Depth = (typeof DEPTHS)[number];

/** An hour of the invoice that is not what it was, or, without a check, that is not there any more. */
export interface HourFinding {
  readonly hour: Hour;
  readonly revision: number;
  readonly check: TenantHourCheck | null;
}

export interface InvoiceVerification {
  readonly hours_checked: number;
  /** Hours whose rows left the log, exported, so that no events are there to add up: from their usage. */
  readonly hours_without_events: number;
  /** The invoice has the hash that it was stored with. */
  readonly document_matches: boolean;
  readonly lines: readonly InvoiceDifference[];
  readonly charges: readonly (ChargeDifference & { readonly hour: Hour })[];
  readonly hours: readonly HourFinding[];
  /** Price books that it was rated by and that are not what their hashes say. */
  readonly changed_books: readonly string[];
  /** Invoices before it that are not what their hashes say, or are gone. */
  readonly changed_invoices: readonly string[];
}

const HOURS_AT_ONCE = 4;
/** In so many hours the events are looked through one by one. */
const SEARCHED_MAX = 10;

interface CheckedHour extends HourRevision {
  readonly hasEvents: boolean;
  /** Null where the hour's revision is gone. */
  readonly check: TenantHourCheck | null;
}

export interface VerificationDeps extends BookShelf {
  readonly charges: TenantCharges;
  readonly verifier: HourVerifier;
}

export async function verifyInvoice(
  pricing: VerificationDeps,
  stored: StoredInvoice,
  depth: Depth,
): Promise<InvoiceVerification> {
  const { invoice, basis } = stored;
  const { tenant_id } = invoice;
  const revisions = revisionsOf(basis.rests_on);
  const shelf = await soundBooks(pricing);
  const { invoices: issued } = await invoicesOf(pricing.documents, tenant_id);
  const charged = await pricing.charges.hours(tenant_id, basis.rests_on);
  const checked = depth === "lines" ? [] : await checkHours(pricing, tenant_id, revisions, depth);
  const hours = depth === "lines" ? charged : checked.flatMap((hour) => rerate(hour, tenant_id, shelf));
  const earlier = earlierOf(basis, issued);
  const recomputed = recomputeFrom(pricing, stored, { books: [...shelf.values()], hours, earlier });
  const rests = new Set([...basis.contract.books, ...revisions.map(({ price_book }) => price_book)]);
  return {
    hours_checked: revisions.length,
    hours_without_events: checked.filter(({ hasEvents }) => depth === "events" && !hasEvents).length,
    document_matches: pricing.hash(invoiceText(invoice)) === stored.content_hash,
    lines: invoiceDifferences(invoice, recomputed.ok ? recomputed.invoice : null),
    charges: depth === "lines" ? [] : differingCharges(charged, hours, revisions),
    hours: await findings(pricing, tenant_id, checked),
    changed_books: [...rests].filter((hash) => !shelf.has(hash)),
    changed_invoices: changedInvoices(pricing, stored, issued),
  };
}

/** The published books that are what their hashes say. */
async function soundBooks({ books, hash }: VerificationDeps): Promise<Map<string, PublishedBook>> {
  const sound = new Map<string, PublishedBook>();
  for (const stored of await books.published()) {
    if (hash(stored.content) !== stored.hash) continue;
    const read = readPriceBook(JSON.parse(stored.content));
    if (read.ok) sound.set(stored.hash, { ...read.book, hash: stored.hash });
  }
  return sound;
}

async function checkHours(
  { verifier }: VerificationDeps,
  tenant_id: string,
  revisions: readonly HourRevision[],
  depth: Depth,
): Promise<CheckedHour[]> {
  const floor = await verifier.logFloor();
  return mapConcurrent(revisions, HOURS_AT_ONCE, async (it) => {
    const hasEvents = it.hour > floor;
    const from = depth === "events" && hasEvents ? "events" : "rows";
    const { hour, revision } = it;
    return { ...it, hasEvents, check: await verifier.verifyTenantHour({ hour, revision, tenant_id }, from) };
  });
}

function rerate(
  { hour, revision, price_book, check }: CheckedHour,
  tenant_id: string,
  shelf: ReadonlyMap<string, PublishedBook>,
): TenantHour[] {
  const book = shelf.get(price_book);
  if (check === null || book === undefined) return [];
  const { charges } = rateHour(check.usage, book);
  const billable = charges.filter(({ payer, billed_to }) => payer === "tenant" && billed_to === tenant_id);
  return [{ hour, revision, price_book, charges: billable }];
}

/** Of hours that could be rated again. */
function differingCharges(
  charged: readonly ChargedHour[],
  rated: readonly TenantHour[],
  revisions: readonly HourRevision[],
): (ChargeDifference & { hour: Hour })[] {
  const before = new Map(charged.map((it) => [it.hour, it]));
  const after = new Map(rated.map((it) => [it.hour, it]));
  return revisions.flatMap(({ hour }) => {
    const rerated = after.get(hour);
    if (rerated === undefined) return [];
    const { charges = [], charge_ids = [] } = before.get(hour) ?? {};
    return chargeDifferences(charges, charge_ids, rerated.charges).map((it) => ({ hour, ...it }));
  });
}

/** Hours that are not sound; in the first of them the events that are not what was counted are looked for. */
async function findings(
  { verifier }: VerificationDeps,
  tenant_id: string,
  checked: readonly CheckedHour[],
): Promise<HourFinding[]> {
  const unsound = checked.filter(({ check }) => check === null || !check.is_sound);
  const found: HourFinding[] = [];
  for (const { hour, revision, check } of unsound) {
    const isSearched = check !== null && check.keys.length > 0 && found.length < SEARCHED_MAX;
    const request = { hour, revision, tenant_id };
    found.push({
      hour,
      revision,
      check: isSearched ? await verifier.verifyTenantHour(request, "findings") : check,
    });
  }
  return found;
}

function changedInvoices(
  { hash }: VerificationDeps,
  { basis }: StoredInvoice,
  issued: readonly StoredInvoice[],
): string[] {
  const byId = new Map(issued.map((it) => [it.invoice.invoice_id, it]));
  return basis.earlier
    .map(({ invoice_id }) => invoice_id)
    .filter((id) => {
      const found = byId.get(id);
      return found === undefined || hash(invoiceText(found.invoice)) !== found.content_hash;
    });
}
