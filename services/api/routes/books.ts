import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { withIdempotencyKey } from "../../billing/access/idempotency.ts";
import type { BookShelf as Deps } from "../../billing/books/books.ts";
import { bookOf, bookPlace, findBook, type KnownBook, knownBooks } from "../../billing/books/books.ts";
import { diffOf } from "../../billing/books/diff.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { readPriceBook } from "../../domain/books/price-book.ts";
import { compareText } from "../../domain/closing/usage.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { pageOf } from "../paging.ts";
import {
  BookCheck,
  BookDiff,
  BookHash,
  BookShape,
  BookSummary,
  DiffQuery,
  PAGE,
  page,
  query,
} from "../schemas.ts";
import { BookDocument } from "./book-schemas.ts";

const PLACE = [/^[0-9TZ:-]{20}$/, /^[0-9a-f]{64}$/];

/** Price books: written as drafts, published once, never changed. */
export function bookRoutes(deps: Deps) {
  return [
    validatePriceBook(deps),
    draftPriceBook(deps),
    listPriceBooks(deps),
    getPriceBook(deps),
    diffPriceBooks(deps),
    publishPriceBook(deps),
  ];
}

const validatePriceBook = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/price-books/validate",
    operation: "validatePriceBook",
    summary: "Check a price book and report every fault; nothing is stored",
    scopes: OPERATORS,
    body: BookDocument,
    reply: BookCheck,
    async handle({ body }) {
      const read = readPriceBook(body);
      if (!read.ok) return { body: { is_valid: false, price_book: null, faults: [...read.faults] } };
      const { hash } = bookOf(read.book, "draft", deps);
      return { body: { is_valid: true, price_book: hash, faults: [] } };
    },
  });

const draftPriceBook = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/price-books",
    operation: "draftPriceBook",
    summary: "Store a price book as a draft, named by the hash of its contents",
    scopes: OPERATORS,
    body: BookDocument,
    reply: BookSummary,
    status: 201,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "draftPriceBook", request, async () => {
        const read = readPriceBook(request.body);
        if (!read.ok) return problem("BOOK_INVALID", "", read.faults);
        const book = bookOf(read.book, "draft", deps);
        const same = await findBook(deps, book.hash, request.caller);
        const written_by = request.caller.key_id;
        const draft = { kind: "price_book" as const, id: book.hash, version: 1, content: book.content };
        const documents = same === undefined ? [{ ...draft, written_by, reason: "drafted" }] : [];
        return { documents, reply: { body: toResponse(same ?? book) } };
      }),
  });

const listPriceBooks = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/price-books",
    operation: "listPriceBooks",
    summary: "List price books in the order in which they take effect; only operators see drafts",
    scopes: SCOPES,
    query: query(PAGE),
    reply: page(BookSummary),
    handle: ({ query, caller }) =>
      pageOf(
        query,
        PLACE,
        async (after, limit) => {
          const all = await knownBooks(deps, caller);
          const rest = all.filter((book) => compareText(bookPlace(book).join(), after.join()) > 0);
          return rest.slice(0, limit).map(toResponse);
        },
        ({ effective_from, price_book }) => [effective_from, price_book],
      ),
  });

const getPriceBook = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/price-books/{price_book}",
    operation: "getPriceBook",
    summary: "Get a price book with its contents",
    scopes: SCOPES,
    params: BookHash,
    reply: BookShape,
    async handle({ params: { price_book }, caller }) {
      const book = await findBook(deps, price_book, caller);
      if (book === undefined) return problem("API_NOT_FOUND");
      const body = { ...toResponse(book), content: JSON.parse(book.content) as unknown };
      return book.status === "draft" ? { body } : { body, etag: book.hash };
    },
  });

const diffPriceBooks = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/price-books/{price_book}/diff",
    operation: "diffPriceBooks",
    summary: "Compare a price book with another one",
    scopes: SCOPES,
    params: BookHash,
    query: DiffQuery,
    reply: BookDiff,
    async handle({ params: { price_book }, query: { against }, caller }) {
      const after = await findBook(deps, price_book, caller);
      const before = await findBook(deps, against, caller);
      if (after === undefined || before === undefined) return problem("API_NOT_FOUND");
      const changes = diffOf(JSON.parse(before.content), JSON.parse(after.content));
      return { body: { before: before.hash, after: after.hash, changes } };
    },
  });

const publishPriceBook = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/price-books/{price_book}/publish",
    operation: "publishPriceBook",
    summary:
      "Publish a draft price book: hours from its `effective_from` on are rated by it, and it never changes again",
    scopes: OPERATORS,
    params: BookHash,
    reply: BookSummary,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "publishPriceBook", request, async () => {
        const book = await findBook(deps, request.params.price_book, request.caller);
        if (book === undefined) return problem("API_NOT_FOUND");
        const outcome = book.status === "published" ? "published" : await deps.books.publish(book);
        if (outcome === "overlaps") return problem("BOOK_OVERLAPS");
        if (outcome === "too_late") return problem("BOOK_TOO_LATE");
        if (outcome === "no_supplement") return problem("BOOK_NO_SUPPLEMENT");
        return { documents: [], reply: { body: toResponse({ ...book, status: "published" }) } };
      }),
  });

function toResponse({ hash, name, effective_from, currency, status }: KnownBook) {
  return { price_book: hash, name, effective_from: formatHour(effective_from), currency, status };
}
