// What tenants are spending: one query to ClickHouse for all budgets of a tenant, kept for a moment.

import type { PriceBook } from "../../domain/books/price-book.ts";
import { estimateOf, type SpentPart } from "../../domain/insight/spend.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { PriceBooks } from "../../domain/ports/price-books.ts";
import type { SpendRecords, UsageTotals } from "../../domain/ports/usage-totals.ts";
import { HOUR_S, type Hour } from "../../domain/time/hour.ts";
import { publishedBooks } from "../books/books.ts";
import { Cache } from "../cache/cache.ts";

/** Spending of a tenant since the start of a month. */
export interface TenantSpend {
  readonly parts: readonly SpentPart[];
  /** When the newest record that is counted was appended, and when the query began: milliseconds since 1970. */
  readonly counted_until: number | null;
  readonly queried_at: number;
}

export type Spending = (tenant_id: string, since: Hour, maxAgeMs: number) => Promise<TenantSpend>;

export interface SpendSource {
  readonly ledger: Pick<UsageTotals, "spend">;
  readonly books: PriceBooks;
  readonly hash: (text: string) => string;
  readonly clock: Clock;
}

const BOOKS_AGE = { freshMs: 60_000, staleMs: 60_000 };
const TENANTS_MAX = 10_000;
/** Records are looked for so far back to tell how old the answer is. */
const FRESH_S = 7 * 24 * HOUR_S;
/** Events may lie a little ahead of this machine's clock. */
const AHEAD_S = 24 * HOUR_S;

/** Reads spending through a cache: whoever asks meanwhile gets the same answer, if it is young enough for them. */
export function createSpending(source: SpendSource): Spending {
  const { clock } = source;
  const spends = new Cache<TenantSpend>({ clock, weightMax: TENANTS_MAX });
  const books = new Cache<readonly PriceBook[]>({ clock, weightMax: 1 });
  return async (tenant_id, since, maxAgeMs) => {
    const age = { freshMs: maxAgeMs, staleMs: maxAgeMs };
    const { value } = await spends.get(JSON.stringify([tenant_id, since]), age, async () => {
      const published = books.get("", BOOKS_AGE, () => publishedBooks(source));
      const queried_at = clock.nowMs();
      const now = Math.floor(queried_at / 1000);
      const range = { from: since, to: now + AHEAD_S };
      const records = await source.ledger.spend(tenant_id, range, Math.max(0, now - FRESH_S));
      return { ...spendFrom(records, (await published).value), queried_at };
    });
    return value;
  };
}

function spendFrom({ rated, waiting, counted_until }: SpendRecords, books: readonly PriceBook[]) {
  const charged = rated.map(({ day, ...charge }): SpentPart => ({ ...charge, at: day, is_estimate: false }));
  const estimated = waiting.flatMap((usage) => {
    const estimate = estimateOf({ ...usage, tenant_id: "", apportionments: [] }, books);
    return estimate === null ? [] : [estimate];
  });
  return { parts: [...charged, ...estimated], counted_until };
}
