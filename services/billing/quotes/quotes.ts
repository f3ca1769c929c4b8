import { ALL, oneTenant } from "../../domain/access/audience.ts";
import type { PublishedBook } from "../../domain/billing/contract-segments.ts";
import type { Plan } from "../../domain/books/plan.ts";
import {
  comparablePrompts,
  poolOf,
  rateSessions,
  type TenantSample,
} from "../../domain/insight/measured-sessions.ts";
import { pooledQuote, type Quote, quote, SOUND_SAMPLES, type Workload } from "../../domain/insight/quote.ts";
import type { ModelOnGpu, SessionFilter } from "../../domain/ports/history.ts";
import { DAY_S, type Hour } from "../../domain/time/hour.ts";
import type { Cached } from "../cache/cache.ts";
import type { FindMeasured, Measured } from "./measured.ts";

/** SessionFilter sessions a quote rests on. */
export type Source = "project" | "tenant" | "pool" | "everybody" | "none";

/** Fewer tenants than this, the one who asks not counted, are never pooled: a quantile of few is somebody's own. */
export const POOL_TENANTS_MIN = 5;

export interface QuoteRequest extends Workload {
  readonly served: ModelOnGpu;
  /** Null for a quote that is for nobody in particular, which operators may ask for. */
  readonly tenant_id: string | null;
  /** Null for all projects. */
  readonly project_id: string | null;
  readonly tokens_in: bigint | null;
  readonly prices: { readonly book: PublishedBook; readonly plan: Plan | null; readonly hour: Hour };
}

export interface FoundQuote {
  readonly quoted: Quote;
  readonly source: Source;
  /** Null where there is no history. */
  readonly measured: Cached<Measured> | null;
  /** Whether prompts that are much shorter or longer could be left out; null where no length was given. */
  readonly are_prompts_comparable: boolean | null;
}

/**
 * The tenant's own sessions first, of the project if one is named; where these are too few, those of others as a pool, which
 * says nothing of any one of them; then whatever there is of its own.
 */
export async function findQuote(find: FindMeasured, request: QuoteRequest): Promise<FoundQuote> {
  const { served, tenant_id, project_id } = request;
  const found: FoundQuote[] = [];
  const places: readonly (readonly [Source, SessionFilter])[] =
    tenant_id === null
      ? [["everybody", { audience: ALL, project_id }]]
      : [
          ...(project_id === null
            ? []
            : [["project", { audience: oneTenant(tenant_id), project_id }] as const]),
          ["tenant", { audience: oneTenant(tenant_id), project_id: null }],
          ["pool", { audience: ALL, project_id: null }],
        ];
  for (const [source, place] of places) {
    const measured = await find(served, place);
    const quoted = quoteFrom(source, measured, request);
    if (quoted.quoted.samples >= SOUND_SAMPLES) return quoted;
    if (quoted.quoted.samples > 0) found.push(quoted);
  }
  const [largest] = found.toSorted((a, b) => b.quoted.samples - a.quoted.samples);
  const none: Quote = { kind: "no_history", samples: 0 };
  return largest ?? { quoted: none, source: "none", measured: null, are_prompts_comparable: null };
}

function quoteFrom(source: Source, measured: Cached<Measured>, request: QuoteRequest): FoundQuote {
  const { requests, tokens_in, tokens_out, tenant_id, prices } = request;
  const rated = ratedOnce(measured.value, prices);
  // Choosing among the sessions of others would tell something of single ones.
  if (source === "pool") {
    const pool = poolOf(rated, tenant_id ?? "", POOL_TENANTS_MIN);
    const quoted = pooledQuote(pool, { requests, tokens_out });
    return { quoted, source, measured, are_prompts_comparable: tokens_in === null ? null : false };
  }
  const comparable = tokens_in === null ? [] : comparablePrompts(rated, tokens_in);
  const are_prompts_comparable = tokens_in === null ? null : comparable.length >= SOUND_SAMPLES;
  const samples = are_prompts_comparable === true ? comparable : rated;
  return { quoted: quote(samples, { requests, tokens_out }), source, measured, are_prompts_comparable };
}

const RATED = new WeakMap<Measured, Map<string, readonly TenantSample[]>>();

/** Rating some hundred sessions takes longer than everything else, so it is done once for all who ask under the same prices. */
function ratedOnce(measured: Measured, prices: QuoteRequest["prices"]): readonly TenantSample[] {
  const known = RATED.get(measured) ?? new Map<string, readonly TenantSample[]>();
  RATED.set(measured, known);
  const { book, plan, hour } = prices;
  const isByTheClock = plan?.rates.some(({ time_of_day }) => time_of_day.length > 0) === true;
  const key = JSON.stringify([book.hash, plan?.name, isByTheClock ? hour % DAY_S : 0]);
  const rated = known.get(key) ?? rateSessions(measured.sessions, prices);
  known.set(key, rated);
  return rated;
}
