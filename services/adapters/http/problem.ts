// Errors of our HTTP APIs as problem details (RFC 9457). Every code is in this one table, with its sentence and status.

/** What went wrong and what to do about it. Codes are never renamed or used again. */
export const API_CODES = {
  API_REQUEST_INVALID: "The request does not follow the description of the API; every fault is named.",
  API_CURSOR_INVALID: "The cursor is none that was given out for this list; start without one.",
  API_TIMES_REVERSED: "`from` must be before `to`.",
  API_RANGE_TOO_LONG: "The time asked for is longer than this route answers at once; ask in parts.",
  API_KEY_MISSING: "Send an API key: `Authorization: Bearer mh_…`.",
  API_KEY_UNKNOWN: "The API key is not known or was revoked.",
  API_SCOPE_MISSING: "The API key's scope does not cover this route.",
  API_NOT_FOUND: "There is no such thing, or not for this API key.",
  API_ROUTE_UNKNOWN: "There is no such route; /openapi.json has them all.",
  API_IDEMPOTENCY_KEY_USED: "The Idempotency-Key was used for another request; use a new one.",
  API_VERSION_STALE: "Somebody else changed it meanwhile; read it again and repeat.",
  API_BODY_TOO_LARGE: "The body is larger than this API takes.",
  API_MEDIA_TYPE: "Bodies are JSON: `Content-Type: application/json`.",
  API_RATE_LIMITED: "Too many requests; try again after the seconds in Retry-After.",
  API_INTERNAL: "This must not happen. The log has the details under the request's id.",
  API_UNAVAILABLE: "Something that the answer needs is away or busy; try again.",
  BOOK_INVALID: "The price book has faults; every one is named.",
  BOOK_OVERLAPS: "Another published book takes effect from the same hour; published books never change.",
  BOOK_TOO_LATE: "Hours after effective_from are rated already; make a new book with a later effective_from.",
  HOUR_DROPPED:
    "Rows of this hour were exported and dropped from the log: it can be neither added up again nor revised.",
  EVENT_NOT_COUNTED: "The event is voided already, so there is nothing to correct.",
  EVENT_AMENDED_ALREADY: "The event has a successor already; correct that one.",
  EVENT_SUCCESSOR_INVALID: "The corrected event would be rejected; the detail says why.",
  TENANT_EXISTS: "A tenant of this id was written down already.",
  CONTRACT_CURRENCY: "It is in another currency than the tenant; the detail says which.",
  CONTRACT_PLAN_UNKNOWN: "A price book that is in force under the subscription does not have its plan.",
  CONTRACT_OVERLAPS: "The tenant has another subscription in these hours; end that one first.",
  CONTRACT_OFFER_UNKNOWN:
    "The price book in force at `starts_at` has no such offer; the detail says which it has.",
  CONTRACT_TERMS_INVALID: "The terms of the package or credit have faults; every one is named.",
  CONTRACT_OVER: "It is over, ended or refunded by then already.",
  CONTRACT_INVOICED:
    "A finalised invoice covers these hours, and what it rests on stays; choose a later hour, or void the invoice first.",
  QUOTE_NO_PRICE:
    "No published price book has a price for this in that hour; the detail says what is missing.",
  WHAT_IF_TOO_MUCH: "There is more usage in it than is rated at once; ask for fewer hours or a smaller page.",
  INVOICE_PERIOD_INVALID: "This is no period of the tenant; the detail names the one that is.",
  INVOICE_PERIOD_RUNNING: "The period is not over; a draft shows what it comes to so far.",
  INVOICE_HOURS_WAITING: "Hours of the period are not closed and rated yet; they are named.",
  INVOICE_NOT_SETTLED: "Contract, hours and earlier invoices do not fit together; every fault is named.",
  INVOICE_LINE_CHANGED:
    "The hours of the line do not add up to it any more; verifying the invoice tells where.",
  INVOICE_NOT_FINALISED: "The invoice is voided already.",
  BUDGET_WEBHOOK: "The webhook's URL is not one that this service sends to; the detail says why.",
} as const satisfies Record<string, string>;

export type ApiCode = keyof typeof API_CODES;

const STATUS: Readonly<Record<ApiCode, number>> = {
  API_REQUEST_INVALID: 400,
  API_CURSOR_INVALID: 400,
  API_TIMES_REVERSED: 400,
  API_RANGE_TOO_LONG: 400,
  API_KEY_MISSING: 401,
  API_KEY_UNKNOWN: 401,
  API_SCOPE_MISSING: 403,
  API_NOT_FOUND: 404,
  API_ROUTE_UNKNOWN: 404,
  API_IDEMPOTENCY_KEY_USED: 409,
  API_VERSION_STALE: 409,
  API_BODY_TOO_LARGE: 413,
  API_MEDIA_TYPE: 415,
  API_RATE_LIMITED: 429,
  API_INTERNAL: 500,
  API_UNAVAILABLE: 503,
  BOOK_INVALID: 422,
  BOOK_OVERLAPS: 409,
  BOOK_TOO_LATE: 409,
  HOUR_DROPPED: 410,
  EVENT_NOT_COUNTED: 409,
  EVENT_AMENDED_ALREADY: 409,
  EVENT_SUCCESSOR_INVALID: 422,
  TENANT_EXISTS: 409,
  CONTRACT_CURRENCY: 422,
  CONTRACT_PLAN_UNKNOWN: 422,
  CONTRACT_OVERLAPS: 409,
  CONTRACT_OFFER_UNKNOWN: 422,
  CONTRACT_TERMS_INVALID: 422,
  CONTRACT_OVER: 409,
  CONTRACT_INVOICED: 409,
  QUOTE_NO_PRICE: 422,
  WHAT_IF_TOO_MUCH: 422,
  INVOICE_PERIOD_INVALID: 422,
  INVOICE_PERIOD_RUNNING: 409,
  INVOICE_HOURS_WAITING: 409,
  INVOICE_NOT_SETTLED: 409,
  INVOICE_LINE_CHANGED: 409,
  INVOICE_NOT_FINALISED: 409,
  BUDGET_WEBHOOK: 422,
};

/** One of several things that are wrong: where, and a sentence. */
export interface Fault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** An answer that says no. */
export interface Problem {
  readonly problem: ApiCode;
  readonly detail: string;
  readonly faults: readonly Fault[];
}

export function problem(code: ApiCode, detail = "", faults: readonly Fault[] = []): Problem {
  return { problem: code, detail, faults };
}

export function isProblem(answer: object): answer is Problem {
  return "problem" in answer;
}

/** As it goes over the wire. `instance` is the request's id, which the log has too. */
export function problemBody({ problem: code, detail, faults }: Problem, instance: string) {
  return {
    type: `urn:meterhouse:error:${code}`,
    title: API_CODES[code],
    status: STATUS[code],
    code,
    ...(detail === "" ? {} : { detail }),
    instance,
    ...(faults.length === 0 ? {} : { faults }),
  };
}
