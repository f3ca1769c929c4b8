import { type Refusal, refuse } from "../../domain/access/refusal.ts";
import { drawnBefore } from "../../domain/billing/compute-invoice.ts";
import type { PublishedBook } from "../../domain/billing/contract-segments.ts";
import type { Drawn } from "../../domain/billing/prepaid.ts";
import type { UsageHour, WhatIf } from "../../domain/insight/what-if.ts";
import { whatIf } from "../../domain/insight/what-if.ts";
import type { History, StoredUsage } from "../../domain/ports/history.ts";
import type { Hour, HourRange } from "../../domain/time/hour.ts";
import { type ContractDeps, contractFrom, findTenant } from "../contracts/contracts.ts";
import { invoicesOf } from "../issued/issued-invoices.ts";

export interface TenantWhatIf {
  readonly tenant_id: string;
  readonly currency: string;
  readonly result: WhatIf;
}

/** Rows of usage that are rated at once: about half a second's work, twice over. */
const ROWS_AT_ONCE_MAX = 20_000;
const WAITING_MAX = 8;

export interface WhatIfDeps extends ContractDeps {
  readonly history: Pick<History, "usage" | "usageSizes">;
}

type Sizes = readonly { readonly tenant_id: string; readonly rows: number }[];

/** Compares for tenants, one after the other, so that other requests have their turn in between. */
export async function whatIfOf(
  pricing: WhatIfDeps,
  tenants: Sizes,
  {
    range,
    candidate,
    books,
  }: { range: HourRange; candidate: PublishedBook; books: readonly PublishedBook[] },
): Promise<TenantWhatIf[] | Refusal> {
  const rows = tenants.reduce((sum, it) => sum + it.rows, 0);
  if (rows > ROWS_AT_ONCE_MAX) {
    const there = `${tenants.length} tenants have ${rows} rows of usage in these hours`;
    return refuse("WHAT_IF_TOO_MUCH", `${there}; at most ${ROWS_AT_ONCE_MAX} are rated at once`);
  }
  const names = tenants.map(({ tenant_id }) => tenant_id);
  const usage = names.length === 0 ? [] : await pricing.history.usage(range, names);
  const byTenant = Map.groupBy(usage, ({ row }) => row.tenant_id);
  const compared: TenantWhatIf[] = [];
  for (const tenant_id of names) {
    const known = await findTenant(pricing, tenant_id, books);
    // Usage that no book was in force for has no tenant yet; what it would cost is worth asking all the same.
    const unknown = { tenant_id, currency: candidate.currency, books, subscriptions: [], prepaid: [] };
    const contract = known === null ? unknown : contractFrom(known.tenant, books);
    const result = whatIf({
      ...contract,
      usage: hoursOf(byTenant.get(tenant_id) ?? []),
      candidate,
      periods: [range],
      opening: contract.prepaid.length === 0 ? new Map() : await drawnUntil(pricing, tenant_id, range.from),
      hash: pricing.hash,
    });
    compared.push({ tenant_id, currency: contract.currency, result });
  }
  return compared;
}

/** What invoices of earlier periods drew from packages and credits. */
async function drawnUntil({ documents }: WhatIfDeps, tenant_id: string, hour: Hour): Promise<Drawn> {
  const { invoices } = await invoicesOf(documents, tenant_id);
  return drawnBefore(
    invoices.map(({ invoice }) => invoice),
    hour,
  );
}

function hoursOf(usage: readonly StoredUsage[]): UsageHour[] {
  return [...Map.groupBy(usage, ({ hour }) => hour)].map(([hour, own]): UsageHour => {
    const revision = own.reduce((newest, it) => Math.max(newest, it.revision), 0);
    return { hour: hour as Hour, revision, rows: own.map(({ row }) => row) };
  });
}

/** One what-if at a time: each holds thousands of rows. Who would wait behind too many others is sent away instead. */
export function createTurns(): <Body>(work: () => Promise<Body>) => Promise<Body | Refusal> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (work) => {
    if (waiting >= WAITING_MAX) return refuse("API_UNAVAILABLE", "too many comparisons are waiting");
    waiting += 1;
    const turn = last.then(work).finally(() => {
      waiting -= 1;
    });
    last = turn.catch(() => undefined);
    return turn;
  };
}
