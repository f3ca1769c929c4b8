// What tenants have agreed to. Everything of a tenant is one document, so that two changes at once cannot both pass the checks
// of what was there before, and every version of it says who changed what, when and why.

import { ALL, oneTenant } from "../../domain/access/audience.ts";
import type { PublishedBook, Subscription } from "../../domain/billing/contract-segments.ts";
import type { Prepaid } from "../../domain/billing/prepaid.ts";
import type { Contract } from "../../domain/billing/statement.ts";
import { bookInForce } from "../../domain/books/price-book.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type { ChargeLedger } from "../../domain/ports/charges.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Documents, WrittenDocument } from "../../domain/ports/documents.ts";
import type { PriceBooks } from "../../domain/ports/price-books.ts";

import { hourOf } from "../../domain/time/hour.ts";
import { publishedBooks } from "../books/books.ts";

/** A tenant as its newest document has it. */
export interface Tenant {
  readonly tenant_id: string;
  readonly name: string;
  readonly currency: string;
  /** What the last change did, and to which subscription or package; "" if to the tenant itself. */
  readonly action: TenantAction;
  readonly about: string;
  readonly subscriptions: readonly Subscription[];
  readonly prepaid: readonly Prepaid[];
}

export const TENANT_ACTIONS = ["created", "subscribed", "subscription_ended", "bought", "refunded"] as const;
export type TenantAction = (typeof TENANT_ACTIONS)[number];

/** Any tenant there is. One that was never registered but has charges is on demand: it has no document, and version 0. */
export interface KnownTenant {
  readonly tenant: Tenant;
  readonly version: number;
  readonly written_at: number | null;
}

export interface ContractDeps {
  readonly documents: Documents;
  readonly books: PriceBooks;
  readonly ledger: Pick<ChargeLedger, "billedTenants">;
  readonly clock: Clock;
  readonly hash: (text: string) => string;
}

/** What settlement takes of a tenant; null where no tenant of that id was registered or has charges. */
export async function contractOf(deps: ContractDeps, tenant_id: string): Promise<Contract | null> {
  const books = await publishedBooks(deps);
  const known = await findTenant(deps, tenant_id, books);
  return known === null ? null : contractFrom(known.tenant, books);
}

/** A subscription that was cancelled before it began never was in force. */
export function contractFrom(tenant: Tenant, books: readonly PublishedBook[]): Contract {
  const { tenant_id, currency, prepaid } = tenant;
  const subscriptions = tenant.subscriptions.filter(({ from, to }) => to === null || to > from);
  return { tenant_id, currency, books, subscriptions, prepaid };
}

export async function findTenant(
  deps: ContractDeps,
  tenant_id: string,
  books: readonly PublishedBook[],
): Promise<KnownTenant | null> {
  const written = await deps.documents.newest("tenant", tenant_id);
  if (written !== null) return knownFrom(written);
  const [billed] = await deps.ledger.billedTenants(oneTenant(tenant_id), "", 1);
  return billed === undefined ? null : onDemand(deps, billed, books);
}

/** Tenants in the order of their ids, after one: those that were registered, and those that merely have charges. */
export async function listTenants(deps: ContractDeps, after: string, limit: number): Promise<KnownTenant[]> {
  const books = await publishedBooks(deps);
  const [written, billed] = await Promise.all([
    deps.documents.list("tenant", after, limit),
    deps.ledger.billedTenants(ALL, after, limit),
  ]);
  const known = new Map(written.map((it) => [it.id, knownFrom(it)]));
  for (const tenant_id of billed) {
    // What has no document in this page may still have one: both lists end at their own place.
    const found = known.has(tenant_id) ? null : await findTenant(deps, tenant_id, books);
    if (found !== null) known.set(tenant_id, found);
  }
  const inOrder = [...known].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return inOrder.slice(0, limit).map(([, tenant]) => tenant);
}

function onDemand(
  { clock }: ContractDeps,
  tenant_id: string,
  books: readonly PublishedBook[],
): KnownTenant | null {
  const currency = bookInForce(books, hourOf(clock.nowMs()))?.currency;
  if (currency === undefined) return null;
  const nothing = { action: "created", about: "", subscriptions: [], prepaid: [] } as const;
  return { tenant: { tenant_id, name: "", currency, ...nothing }, version: 0, written_at: null };
}

type StoredPrepaid = Omit<Prepaid, "quantity" | "price"> & {
  readonly quantity: string;
  readonly price: string;
};
type StoredTenant = Omit<Tenant, "tenant_id" | "prepaid"> & { readonly prepaid: readonly StoredPrepaid[] };

/** As plain JSON. */
export function tenantContent({ tenant_id: _id, prepaid, ...tenant }: Tenant): StoredTenant {
  const stored = prepaid.map((it) => ({
    ...it,
    quantity: formatDecimal(it.quantity),
    price: formatDecimal(it.price),
  }));
  return { ...tenant, prepaid: stored };
}

export function knownFrom({ id, version, content, written_at }: WrittenDocument): KnownTenant {
  const { prepaid, ...stored } = content as StoredTenant;
  const parsed = prepaid.map((it) => ({
    ...it,
    quantity: parseStoredDecimal(it.quantity),
    price: parseStoredDecimal(it.price),
  }));
  return { tenant: { ...stored, tenant_id: id, prepaid: parsed }, version, written_at };
}
