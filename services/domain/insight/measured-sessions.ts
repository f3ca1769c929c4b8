import type { Plan } from "../books/plan.ts";
import type { PriceBook } from "../books/price-book.ts";
import type { UsageRow } from "../closing/usage.ts";
import type { Decimal } from "../money/decimal.ts";
import { rate } from "../rating/rate.ts";
import { HOUR_S, HOUR_US, type Hour } from "../time/hour.ts";
import { plannedCharge, type QuoteSample } from "./quote.ts";

/** A part of a session, on one rank and under one key, from the hours that were looked at. Moments in microseconds. */
export interface SessionPart extends UsageRow {
  readonly session_id: string;
  readonly rank: number;
  readonly ranks: number;
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly began_at: number;
  readonly ended_at: number;
}

/** A session that was seen from its beginning to its end. */
export interface MeasuredSession {
  readonly tenant_id: string;
  readonly parts: readonly UsageRow[];
  readonly tokens_in: bigint;
  readonly tokens_out: bigint;
}

export interface TenantSample extends QuoteSample {
  readonly tenant_id: string;
  readonly tokens_in: bigint;
}

/** A session that goes on says so at least once a minute. */
const SILENCE_US = 120_000_000;

/**
 * The sessions that lie whole in the hours that were looked at: every event from the first on, of every rank, and none that
 * may have had more before or after these hours. A part of a session is no request.
 */
export function wholeSessions(
  parts: readonly SessionPart[],
  hours: readonly { readonly tenant_id: string; readonly hour: Hour }[],
): MeasuredSession[] {
  const seen = new Set(hours.map(({ tenant_id, hour }) => `${hour} ${tenant_id}`));
  const sessions = Map.groupBy(parts, ({ tenant_id, session_id }) => JSON.stringify([tenant_id, session_id]));
  return [...sessions.values()].flatMap((parts): MeasuredSession[] => {
    const [first] = parts;
    if (first === undefined || !isWhole(parts)) return [];
    const began_at = parts.reduce((earliest, it) => Math.min(earliest, it.began_at), first.began_at);
    const ended_at = parts.reduce((latest, it) => Math.max(latest, it.ended_at), first.ended_at);
    const next = Math.floor((ended_at - 1 + SILENCE_US) / HOUR_US) * HOUR_S;
    // What was cut at the hour's start began before it.
    if (began_at % HOUR_US === 0 || !seen.has(`${next} ${first.tenant_id}`)) return [];
    const { tenant_id } = first;
    return [
      { tenant_id, parts, tokens_in: tokens(parts, "tokens_in"), tokens_out: tokens(parts, "tokens_out") },
    ];
  });
}

/** Ranks work on the same tokens and each of them counts them: they are those of the rank that counted most. */
function tokens(parts: readonly SessionPart[], name: "tokens_in" | "tokens_out"): bigint {
  const byRank = new Map<number, bigint>();
  for (const part of parts) byRank.set(part.rank, (byRank.get(part.rank) ?? 0n) + part[name]);
  return [...byRank.values()].reduce((most, count) => (count > most ? count : most), 0n);
}

/** What each session costs under a book and a plan in an hour; none for a card without a price. */
export function rateSessions(
  sessions: readonly MeasuredSession[],
  { book, plan, hour }: { readonly book: PriceBook; readonly plan: Plan | null; readonly hour: Hour },
): TenantSample[] {
  return sessions.flatMap(({ tenant_id, parts, tokens_in, tokens_out }): TenantSample[] => {
    let charge: Decimal = 0n;
    for (const part of parts) {
      const rated = rate(part, book);
      if (rated.kind === "no_rate") return [];
      if (rated.charge.payer === "tenant") charge += plannedCharge(rated.charge, plan, hour);
    }
    return [{ tenant_id, charge, tokens_in, tokens_out }];
  });
}

/**
 * Samples of tenants other than one, or none if there are fewer than `tenants_min` of them. None of them counts for more than
 * the `tenants_min`th largest does, so that the pool is never one tenant's usage by another name.
 */
export function poolOf(samples: readonly TenantSample[], but: string, tenants_min: number): TenantSample[] {
  const others = [...Map.groupBy(samples, ({ tenant_id }) => tenant_id).entries()].filter(
    ([tenant_id]) => tenant_id !== but,
  );
  const sizes = others.map(([, own]) => own.length).toSorted((a, b) => b - a);
  const limit = sizes[tenants_min - 1];
  return limit === undefined ? [] : others.flatMap(([, own]) => own.slice(0, limit));
}

/** Samples whose prompt is between half and twice as long. */
export function comparablePrompts(samples: readonly TenantSample[], tokens_in: bigint): TenantSample[] {
  return samples.filter((it) => it.tokens_in * 2n >= tokens_in && it.tokens_in <= tokens_in * 2n);
}

function isWhole(parts: readonly SessionPart[]): boolean {
  const ranks = [...Map.groupBy(parts, ({ rank }) => rank).values()];
  const areComplete = ranks.every((own) => {
    const last = own.reduce((highest, it) => Math.max(highest, it.last_sequence), 0);
    const events = own.reduce((sum, it) => sum + it.events, 0n);
    return own.some(({ first_sequence }) => first_sequence === 0) && events === BigInt(last + 1);
  });
  return areComplete && ranks.length === parts[0]?.ranks;
}
