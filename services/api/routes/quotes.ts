import type { Static } from "typebox";
import { type Problem, problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { tenantOf } from "../../billing/access/visibility.ts";
import { publishedBooks } from "../../billing/books/books.ts";
import { Cache } from "../../billing/cache/cache.ts";
import type { ContractDeps } from "../../billing/contracts/contracts.ts";
import { contractFrom, findTenant } from "../../billing/contracts/contracts.ts";
import type { MeasuredDeps } from "../../billing/quotes/measured.ts";
import { createFindMeasured, type FindMeasured, SEARCHED_DAYS } from "../../billing/quotes/measured.ts";
import {
  type FoundQuote,
  findQuote,
  POOL_TENANTS_MIN,
  type QuoteRequest,
} from "../../billing/quotes/quotes.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import {
  type PublishedBook,
  planOf,
  type Subscription,
  subscriptionAt,
} from "../../domain/billing/contract-segments.ts";
import { bookInForce, priceOf } from "../../domain/books/price-book.ts";
import { cardOf, cardText } from "../../domain/event/fields.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { DAY_S, formatHour, hourOf, isoText } from "../../domain/time/hour.ts";
import { hourIn } from "../paging.ts";
import { QuoteBody, QuoteShape } from "./quote-schemas.ts";

type Deps = ContractDeps & MeasuredDeps;

/** A quote may be so far behind a new book or subscription; the first after a while may be so much further. */
const AGE = { freshMs: 5_000, staleMs: 30_000 };
const TENANTS_MAX = 10_000;

interface Quoting {
  readonly clock: Clock;
  readonly books: () => Promise<readonly PublishedBook[]>;
  readonly subscriptions: (tenant_id: string | null) => Promise<readonly Subscription[]>;
  readonly find: FindMeasured;
}

/** What a workload is going to cost. */
export function quoteRoutes(deps: Deps) {
  const onFailure = (err: unknown) => deps.log.warn({ err }, "prices could not be looked up anew");
  const options = { clock: deps.clock, weightMax: TENANTS_MAX, onFailure };
  const publishedNow = new Cache<readonly PublishedBook[]>(options);
  const subscriptionsNow = new Cache<readonly Subscription[]>(options);
  const books = async () => (await publishedNow.get("", AGE, () => publishedBooks(deps))).value;
  const subscriptionsOf = async (tenant_id: string) => {
    const known = await findTenant(deps, tenant_id, await books());
    return known === null ? [] : contractFrom(known.tenant, []).subscriptions;
  };
  const quoting: Quoting = {
    clock: deps.clock,
    books,
    subscriptions: async (tenant_id) =>
      tenant_id === null
        ? []
        : (await subscriptionsNow.get(tenant_id, AGE, () => subscriptionsOf(tenant_id))).value,
    find: createFindMeasured(deps),
  };
  return [
    route({
      method: "POST",
      path: "/v1/quotes",
      operation: "quote",
      cost: 2,
      summary: "Quote a workload from measured sessions of that model on that card; nothing is stored",
      scopes: SCOPES,
      body: QuoteBody,
      reply: QuoteShape,
      async handle({ body, caller }) {
        const request = await requestOf(quoting, body, caller);
        if (isRefusal(request)) return request;
        return { body: toResponse(request, await findQuote(quoting.find, request), deps.clock.nowMs()) };
      },
    }),
  ];
}

async function requestOf(
  { clock, books, subscriptions }: Quoting,
  body: Static<typeof QuoteBody>,
  caller: Caller,
): Promise<QuoteRequest | Problem> {
  const tenant_id = tenantOf(caller, body.tenant_id);
  if (tenant_id !== null && typeof tenant_id === "object") return tenant_id;
  const hour = body.from === undefined ? hourOf(clock.nowMs()) : hourIn("from", body.from);
  if (typeof hour !== "number") return hour;
  const { model, project_id = null } = body;
  const card = cardOf(body);
  const book = bookInForce(await books(), hour);
  if (book === null) return problem("QUOTE_NO_PRICE", `no price book is in force at ${formatHour(hour)}`);
  if (priceOf(book, card) === null) {
    return problem("QUOTE_NO_PRICE", `${book.name} has no price for ${cardText(card)}`);
  }
  const subscription = subscriptionAt(await subscriptions(tenant_id), hour);
  const plan = subscription === null ? null : planOf(book, subscription.plan);
  return {
    served: { model, ...card },
    tenant_id,
    project_id,
    requests: BigInt(body.requests),
    tokens_in: body.tokens_in === undefined ? null : BigInt(body.tokens_in),
    tokens_out: body.tokens_out === undefined ? null : BigInt(body.tokens_out),
    prices: { book, plan, hour },
  };
}

function toResponse(request: QuoteRequest, found: FoundQuote, nowMs: number): Static<typeof QuoteShape> {
  const { served, tenant_id, project_id, requests, tokens_in, tokens_out, prices } = request;
  const { quoted, measured } = found;
  const isQuoted = quoted.kind === "quoted";
  return {
    kind: quoted.kind,
    ...served,
    requests: String(requests),
    tokens_in: tokens_in === null ? null : Number(tokens_in),
    tokens_out: tokens_out === null ? null : Number(tokens_out),
    tenant_id: tenant_id ?? "",
    project_id: project_id ?? "",
    from: formatHour(prices.hour),
    price_book: prices.book.hash,
    plan: prices.plan?.name ?? "",
    currency: prices.book.currency,
    expected: isQuoted ? formatDecimal(quoted.expected) : null,
    p50: isQuoted ? formatDecimal(quoted.p50) : null,
    p90: isQuoted ? formatDecimal(quoted.p90) : null,
    samples: quoted.samples,
    is_p90_sound: isQuoted && quoted.is_p90_sound,
    history: {
      source: found.source,
      ...spanOf(found),
      looked_up_at: measured === null ? null : isoText(measured.looked_up_at),
      age_ms: measured === null ? null : Math.max(0, nowMs - measured.looked_up_at),
    },
    assumes: assumptions(request, found),
  };
}

/** Of a pool only what was searched, in whole days: when others were busy is their own. */
function spanOf({ source, measured }: FoundQuote) {
  if (measured === null) return { from: null, to: null };
  const { from, to, searched_from, searched_to } = measured.value;
  if (source !== "pool") {
    return { from: from === null ? null : formatHour(from), to: to === null ? null : formatHour(to) };
  }
  return {
    from: formatHour(Math.floor(searched_from / DAY_S) * DAY_S),
    to: formatHour(Math.ceil(searched_to / DAY_S) * DAY_S),
  };
}

const HISTORY_SENTENCES = {
  project: "Sessions of this project are what the quote rests on.",
  tenant: "Sessions of this tenant are what the quote rests on.",
  pool: `Sessions of at least ${POOL_TENANTS_MIN} other tenants are what the quote rests on, as there are too few of this one's. Figures have two digits for one request, or for a thousand tokens.`,
  everybody: "Sessions of all tenants are what the quote rests on.",
  none: `No session of this model on this card was measured in closed hours of the last ${SEARCHED_DAYS} days that may be used for this quote.`,
} as const;

function assumptions({ prices, tokens_out }: QuoteRequest, found: FoundQuote): string[] {
  const { source, are_prompts_comparable } = found;
  if (source === "none") return [HISTORY_SENTENCES.none];
  return [
    HISTORY_SENTENCES[source],
    "Requests will be like the newest measured sessions that lie whole in closed hours, whatever they ended as.",
    tokens_out === null
      ? "They will generate as many tokens as those did."
      : "Cost grows with the tokens that are generated; sessions that generated none are left out.",
    are_prompts_comparable === true
      ? "Sessions whose prompt is less than half or more than twice as long are left out."
      : "The length of prompts makes no difference.",
    `Prices are those of ${prices.book.name}, ${prices.plan === null ? "on demand" : `plan ${prices.plan.name}`}, in the hour of the quote.`,
    ...(prices.plan === null
      ? []
      : [
          "Allowances, commitments, packages, fees and higher tiers, which depend on other usage, are left out.",
        ]),
  ];
}
