import type { Static } from "typebox";
import { type Problem, problem } from "../../adapters/http/problem.ts";
import { type RouteResponse, route } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import { type BookShelf, bookOf, findBook, publishedBooks } from "../../billing/books/books.ts";
import { findTenant } from "../../billing/contracts/contracts.ts";
import type { WhatIfDeps } from "../../billing/quotes/what-if.ts";
import { createTurns, type TenantWhatIf, whatIfOf } from "../../billing/quotes/what-if.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { PublishedBook } from "../../domain/billing/contract-segments.ts";
import { readPriceBook } from "../../domain/books/price-book.ts";
import { type Comparison, largestDifferences, sumOfComparisons } from "../../domain/insight/what-if.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { pageOf, rangeIn } from "../paging.ts";
import { BookHash, PAGE, query } from "../schemas.ts";
import { SimulateBody, WhatIfBody, WhatIfShape } from "./what-if-schemas.ts";

type Deps = WhatIfDeps & Pick<BookShelf, "documents">;

type Reply = Static<typeof WhatIfShape>;
type Page = { readonly cursor?: string; readonly limit?: string };
type Turns = ReturnType<typeof createTurns>;

/** A month of 31 days and the hours that a time zone adds to it. */
const HOURS_MAX = 31 * 24 + 28;
const LINES_MAX = 100;
const PLACE = [/^[^\0]{1,128}$/];
const ASSUMES = [
  "from and to are one billing period: fees, allowances and commitments count as for a whole one.",
  "Packages and credits are as finalised invoices of periods before left them.",
  "The candidate rates every hour, whatever hour it is to take effect from; the other side is by the books in force.",
];

/** What another price book would have made of usage that there is. */
export function whatIfRoutes(deps: Deps) {
  const turns = createTurns();
  return [simulatePriceBook(deps, turns), whatIfRoute(deps, turns)];
}

const simulatePriceBook = (deps: Deps, turns: Turns) =>
  route({
    method: "POST",
    path: "/v1/price-books/{price_book}/simulate",
    operation: "simulatePriceBook",
    cost: 10,
    summary: "Rate stored hours by a draft or published price book, by tenant and line; nothing is stored",
    scopes: OPERATORS,
    params: BookHash,
    query: query(PAGE),
    body: SimulateBody,
    reply: WhatIfShape,
    async handle({ params: { price_book }, query: page, body, caller }) {
      const candidate = await bookNamed(deps, price_book, caller);
      return isRefusal(candidate)
        ? candidate
        : turns(() => compareTenants(deps, candidate, body, page, caller));
    },
  });

const whatIfRoute = (deps: Deps, turns: Turns) =>
  route({
    method: "POST",
    path: "/v1/what-if",
    operation: "whatIf",
    cost: 10,
    summary:
      "Rate stored hours by another price book; tenants see only themselves and published books; nothing is stored",
    scopes: SCOPES,
    query: query(PAGE),
    body: WhatIfBody,
    reply: WhatIfShape,
    async handle({ query: page, body, caller }) {
      const candidate = await candidateOf(deps, body, caller);
      return isRefusal(candidate)
        ? candidate
        : turns(() => compareTenants(deps, candidate, body, page, caller));
    },
  });

async function candidateOf(
  deps: Deps,
  { price_book, candidate }: Static<typeof WhatIfBody>,
  caller: Caller,
): Promise<PublishedBook | Problem> {
  if ((price_book === undefined) === (candidate === undefined)) {
    const message = "needs either price_book or candidate";
    return problem("API_REQUEST_INVALID", `the body ${message}`, [{ path: "body", code: "oneOf", message }]);
  }
  if (price_book !== undefined) return bookNamed(deps, price_book, caller);
  if (caller.scope === "tenant") return problem("API_SCOPE_MISSING", "tenants ask about published books");
  const read = readPriceBook(candidate);
  if (!read.ok) return problem("BOOK_INVALID", "", read.faults);
  return { ...read.book, hash: bookOf(read.book, "draft", deps).hash };
}

async function bookNamed(deps: Deps, price_book: string, caller: Caller): Promise<PublishedBook | Problem> {
  const found = await findBook(deps, price_book, caller);
  if (found === undefined) return problem("API_NOT_FOUND");
  const read = readPriceBook(JSON.parse(found.content));
  if (!read.ok) throw new Error(`The price book ${price_book} has faults: it was changed.`);
  return { ...read.book, hash: found.hash };
}

async function compareTenants(
  deps: Deps,
  candidate: PublishedBook,
  request: Static<typeof SimulateBody>,
  page: Page,
  caller: Caller,
): Promise<RouteResponse<Reply>> {
  const range = rangeIn(request, HOURS_MAX);
  if (isRefusal(range)) return range;
  const audience = audienceOf(caller, request.tenant_id);
  if (isRefusal(audience)) return audience;
  const sizes = await pageOf(
    page,
    PLACE,
    // The tenant that is named is the only one there is.
    ([after = ""], limit) =>
      audience.kind === "tenant" && after !== ""
        ? Promise.resolve([])
        : deps.history.usageSizes(range, audience, after, limit),
    (it) => [it.tenant_id],
  );
  if (isRefusal(sizes)) return sizes;
  const books = await publishedBooks(deps);
  const isMissing = audience.kind === "tenant" && caller.scope !== "tenant" && sizes.body.items.length === 0;
  if (isMissing && (await findTenant(deps, audience.tenant_id, books)) === null) {
    return problem("API_NOT_FOUND");
  }
  const compared = await whatIfOf(deps, sizes.body.items, { range, candidate, books });
  if (isRefusal(compared)) return compared;
  const totals = compared.flatMap(({ result }) => (result.ok ? [result.total] : []));
  return {
    body: {
      price_book: candidate.hash,
      name: candidate.name,
      currency: candidate.currency,
      from: formatHour(range.from),
      to: formatHour(range.to),
      items: compared.map(toResponse),
      next_cursor: sizes.body.next_cursor,
      page_total: texts(sumOfComparisons(totals)),
      assumes: ASSUMES,
    },
  };
}

function toResponse({ tenant_id, currency, result }: TenantWhatIf): Reply["items"][number] {
  if (!result.ok) {
    const nothing = { count: 0, ...texts(sumOfComparisons([])) };
    const faults = result.faults.map(({ about, code, message }) => ({ path: about, code, message }));
    return {
      ...{ tenant_id, currency, total: null, lines: [], other_lines: nothing },
      unrated: { before: 0, after: 0 },
      faults,
    };
  }
  const { lines, others } = largestDifferences(result.lines, LINES_MAX);
  return {
    tenant_id,
    currency,
    total: texts(result.total),
    lines: lines.map((line) => ({ ...line, ...texts(line) })),
    other_lines: { count: others.count, ...texts(others) },
    unrated: result.unrated,
    faults: [],
  };
}

function texts({ before, after, difference }: Comparison) {
  return {
    before: formatDecimal(before),
    after: formatDecimal(after),
    difference: formatDecimal(difference),
  };
}
