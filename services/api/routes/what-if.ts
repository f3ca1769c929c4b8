import type { Static } from "typebox";
import { isProblem, type Problem, problem } from "../../adapters/http/problem.ts";
import { type Answer, type Caller, route } from "../../adapters/http/route.ts";
import { EVERYBODY, OPERATORS, tenantFor } from "../../billing/access/visibility.ts";
import { bookOf, findBook, publishedBooks } from "../../billing/books/books.ts";
import { findTenant } from "../../billing/contracts/contracts.ts";
import { createTurns, type TenantWhatIf, whatIfOf } from "../../billing/quotes/what-if.ts";
import type { PublishedBook } from "../../domain/billing/terms.ts";
import { readPriceBook } from "../../domain/books/price-book.ts";
import { type Comparison, largestDifferences, sumOfComparisons } from "../../domain/insight/what-if.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { formatHour } from "../../domain/time/hour.ts";
import type { Pricing } from "../app.ts";
import { pageOf, rangeIn } from "../paging.ts";
import { BookHash, PAGE, query } from "../schemas.ts";
import { SimulateBody, WhatIfBody, WhatIfShape } from "./what-if-schemas.ts";

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
export function whatIfRoutes(pricing: Pricing) {
  const turns = createTurns();
  return [simulatePriceBook(pricing, turns), whatIfRoute(pricing, turns)];
}

const simulatePriceBook = (pricing: Pricing, turns: Turns) =>
  route({
    method: "POST",
    path: "/v1/price-books/{price_book}/simulate",
    operation: "simulatePriceBook",
    summary:
      "What a draft or published book would have made of stored hours, by tenant and line; keeps nothing",
    scopes: OPERATORS,
    params: BookHash,
    query: query(PAGE),
    body: SimulateBody,
    reply: WhatIfShape,
    async handle({ params: { price_book }, query: page, body, caller }) {
      const candidate = await bookNamed(pricing, price_book, caller);
      return isProblem(candidate) ? candidate : turns(() => answerOf(pricing, candidate, body, page, caller));
    },
  });

const whatIfRoute = (pricing: Pricing, turns: Turns) =>
  route({
    method: "POST",
    path: "/v1/what-if",
    operation: "whatIf",
    summary:
      "What a candidate book would have made of stored hours; tenants ask for themselves, about published books; keeps nothing",
    scopes: EVERYBODY,
    query: query(PAGE),
    body: WhatIfBody,
    reply: WhatIfShape,
    async handle({ query: page, body, caller }) {
      const candidate = await candidateOf(pricing, body, caller);
      return isProblem(candidate) ? candidate : turns(() => answerOf(pricing, candidate, body, page, caller));
    },
  });

async function candidateOf(
  pricing: Pricing,
  { price_book, candidate }: Static<typeof WhatIfBody>,
  caller: Caller,
): Promise<PublishedBook | Problem> {
  if ((price_book === undefined) === (candidate === undefined)) {
    const message = "needs either price_book or candidate";
    return problem("API_REQUEST_INVALID", `the body ${message}`, [{ path: "body", code: "oneOf", message }]);
  }
  if (price_book !== undefined) return bookNamed(pricing, price_book, caller);
  if (caller.scope === "tenant") return problem("API_SCOPE_MISSING", "tenants ask about published books");
  const read = readPriceBook(candidate);
  if (!read.ok) return problem("BOOK_INVALID", "", read.faults);
  return { ...read.book, hash: bookOf(read.book, "draft", pricing).hash };
}

async function bookNamed(
  pricing: Pricing,
  price_book: string,
  caller: Caller,
): Promise<PublishedBook | Problem> {
  const found = await findBook(pricing, price_book, caller);
  if (found === undefined) return problem("API_NOT_FOUND");
  const read = readPriceBook(JSON.parse(found.content));
  if (!read.ok) throw new Error(`The price book ${price_book} has faults: it was changed.`);
  return { ...read.book, hash: found.hash };
}

async function answerOf(
  pricing: Pricing,
  candidate: PublishedBook,
  asked: Static<typeof SimulateBody>,
  page: Page,
  caller: Caller,
): Promise<Answer<Reply>> {
  const range = rangeIn(asked, HOURS_MAX);
  if (isProblem(range)) return range;
  const tenant_id = tenantFor(caller, asked.tenant_id);
  if (typeof tenant_id !== "string") return tenant_id;
  const sizes = await pageOf(
    page,
    PLACE,
    // The tenant that is named is the only one there is.
    ([after = ""], limit) =>
      tenant_id !== "" && after !== ""
        ? Promise.resolve([])
        : pricing.history.usageSizes(range, tenant_id, after, limit),
    (it) => [it.tenant_id],
  );
  if (isProblem(sizes)) return sizes;
  const books = await publishedBooks(pricing);
  const isNamed = tenant_id !== "" && caller.scope !== "tenant" && sizes.body.items.length === 0;
  if (isNamed && (await findTenant(pricing, tenant_id, books)) === null) return problem("API_NOT_FOUND");
  const compared = await whatIfOf(pricing, sizes.body.items, { range, candidate, books });
  if (isProblem(compared)) return compared;
  const totals = compared.flatMap(({ result }) => (result.ok ? [result.total] : []));
  return {
    body: {
      price_book: candidate.hash,
      name: candidate.name,
      currency: candidate.currency,
      from: formatHour(range.from),
      to: formatHour(range.to),
      items: compared.map(shown),
      next_cursor: sizes.body.next_cursor,
      page_total: texts(sumOfComparisons(totals)),
      assumes: ASSUMES,
    },
  };
}

function shown({ tenant_id, currency, result }: TenantWhatIf): Reply["items"][number] {
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
