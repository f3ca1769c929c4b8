// What tenants are spending, asked of ClickHouse once for every budget of a tenant and kept for a moment.
import type { Clock } from "../../adapters/clock/clock.ts";
import type { PriceBook } from "../../domain/books/price-book.ts";
import { usageSums } from "../../domain/closing/usage.ts";
import { estimateOf, type SpentPart } from "../../domain/insight/spend.ts";
import { storedDecimal } from "../../domain/money/stored-decimal.ts";
import type { Books, Ledger, SpendRecord } from "../../domain/ports/pricing.ts";
import { HOUR_S, type Hour } from "../../domain/time/hour.ts";
import { publishedBooks } from "../books/books.ts";
import { createCache } from "../cache/cache.ts";

/** Spending of a tenant since the start of a month. */
export interface TenantSpend {
  readonly parts: readonly SpentPart[];
  /** When the newest record that is counted was appended, and when this was asked: milliseconds since 1970. */
  readonly counted_until: number | null;
  readonly asked_at: number;
}

export type Spending = (tenant_id: string, since: Hour, maxAgeMs: number) => Promise<TenantSpend>;

interface Source {
  readonly ledger: Pick<Ledger, "spend">;
  readonly books: Books;
  readonly hash: (text: string) => string;
  readonly clock: Clock;
}

const BOOKS_AGE_MS = 60_000;
/** Records are looked for so far back to tell how old the answer is. */
const FRESH_S = 7 * 24 * HOUR_S;
/** Events may lie a little ahead of this machine's clock. */
const AHEAD_S = 24 * HOUR_S;

/** Reads spending through a cache: whoever asks meanwhile gets the same answer, if it is young enough for them. */
export function createSpending(source: Source): Spending {
  const { clock } = source;
  const spends = createCache<TenantSpend>(clock);
  const books = createCache<readonly PriceBook[]>(clock);
  return (tenant_id, since, maxAgeMs) =>
    spends(JSON.stringify([tenant_id, since]), maxAgeMs, async () => {
      const known = books("", BOOKS_AGE_MS, () => publishedBooks(source));
      const asked_at = clock.nowMs();
      const now = Math.floor(asked_at / 1000);
      const range = { from: since, to: now + AHEAD_S };
      const records = await source.ledger.spend(tenant_id, range, Math.max(0, now - FRESH_S));
      return { ...spendFrom(records, await known), asked_at };
    });
}

function spendFrom(records: readonly SpendRecord[], books: readonly PriceBook[]) {
  const parts = records.flatMap((record): SpentPart[] => {
    const { part, at, project_id, currency, amount } = record;
    if (part === "rated")
      return [{ at, project_id, currency, amount: storedDecimal(amount), is_estimate: false }];
    const estimate = part === "waiting" ? estimateOf({ ...waitingOf(record), hour: at }, books) : null;
    return estimate === null ? [] : [estimate];
  });
  const counted = records.find(({ part }) => part === "counted")?.counted_until;
  return { parts, counted_until: Number(counted ?? 0) || null };
}

function waitingOf({ sums, project_id, model, gpu_model, sharing, phase, outcome }: SpendRecord) {
  const key = { tenant_id: "", project_id, model, gpu_model, sharing, phase, outcome };
  return { ...key, ...usageSums((name) => BigInt(sums[name] ?? 0)), apportionments: [] };
}
