/** What a refusal is about; a door turns it into its own words, such as a status of HTTP or an exit code. */
export type RefusalKind = "missing" | "conflict" | "invalid" | "gone" | "malformed" | "unavailable";

/** Why a request is refused, whoever makes it, and what to do about it. Codes are never renamed or used again. */
export const REFUSAL_CODES = {
  API_TIMES_REVERSED: { kind: "malformed", title: "`from` must be before `to`." },
  API_NOT_FOUND: { kind: "missing", title: "Not found, or not visible to this API key." },
  API_IDEMPOTENCY_KEY_USED: {
    kind: "conflict",
    title: "This Idempotency-Key was already used for another request; use a new one.",
  },
  API_VERSION_STALE: {
    kind: "conflict",
    title: "It has changed since it was read; read it again and repeat the request.",
  },
  API_UNAVAILABLE: {
    kind: "unavailable",
    title: "A service that the answer needs is unavailable or busy; try again.",
  },
  BOOK_INVALID: { kind: "invalid", title: "The price book has faults; every one is named." },
  BOOK_OVERLAPS: {
    kind: "conflict",
    title: "Another published book takes effect from the same hour; published books never change.",
  },
  BOOK_TOO_LATE: {
    kind: "conflict",
    title:
      "Hours after effective_from are rated already; make a new book with a later effective_from, or one that supplements the book in force.",
  },

  BOOK_NO_SUPPLEMENT: {
    kind: "conflict",
    title:
      "A supplement names the newest book of its hour, takes effect from that hour, and only adds cards to it.",
  },
  HOUR_DROPPED: {
    kind: "gone",
    title:
      "Rows of this hour were exported and dropped from the log; the hour can be neither recomputed nor revised.",
  },
  EVENT_NOT_COUNTED: {
    kind: "conflict",
    title: "The event is already voided, so there is nothing to correct.",
  },
  EVENT_AMENDED_ALREADY: {
    kind: "conflict",
    title: "The event already has a successor; correct that one.",
  },
  EVENT_SUCCESSOR_INVALID: {
    kind: "invalid",
    title: "The corrected event would be rejected; the detail says why.",
  },
  TENANT_EXISTS: { kind: "conflict", title: "A tenant with this id is already registered." },
  CONTRACT_CURRENCY: {
    kind: "invalid",
    title: "Its currency differs from the tenant's; the detail says which.",
  },
  CONTRACT_PLAN_UNKNOWN: {
    kind: "invalid",
    title: "A price book in force during the subscription does not have its plan.",
  },
  CONTRACT_OVERLAPS: {
    kind: "conflict",
    title: "The tenant has another subscription in these hours; end that one first.",
  },
  CONTRACT_OFFER_UNKNOWN: {
    kind: "invalid",
    title: "The price book in force at `starts_at` has no such offer; the detail lists those that it has.",
  },
  CONTRACT_TERMS_INVALID: {
    kind: "invalid",
    title: "The terms of the package or credit have faults; every one is named.",
  },
  CONTRACT_OVER: { kind: "conflict", title: "It is already over, ended or refunded by then." },
  CONTRACT_INVOICED: {
    kind: "conflict",
    title:
      "A finalised invoice covers these hours, and its terms stay; choose a later hour, or void the invoice first.",
  },
  QUOTE_NO_PRICE: {
    kind: "invalid",
    title: "No published price book has a price for this in that hour; the detail says what is missing.",
  },
  WHAT_IF_TOO_MUCH: {
    kind: "invalid",
    title: "This is more usage than is rated at once; ask for fewer hours or a smaller page.",
  },
  INVOICE_PERIOD_INVALID: {
    kind: "invalid",
    title: "This is not a period of the tenant; the detail names the one that is.",
  },
  INVOICE_PERIOD_RUNNING: {
    kind: "conflict",
    title: "The period is not over yet; a draft shows what it comes to so far.",
  },
  INVOICE_HOURS_WAITING: {
    kind: "conflict",
    title: "Hours of the period are not closed and rated yet; they are named.",
  },
  INVOICE_NOT_SETTLED: {
    kind: "conflict",
    title: "Contract, hours and earlier invoices do not fit together; every fault is named.",
  },
  INVOICE_LINE_CHANGED: {
    kind: "conflict",
    title: "The hours of the line no longer add up to it; verify the invoice to see where.",
  },
  INVOICE_NOT_FINALISED: { kind: "conflict", title: "The invoice is already voided." },
  BUDGET_WEBHOOK: {
    kind: "invalid",
    title: "This service does not send to the webhook's URL; the detail says why.",
  },
} as const satisfies Readonly<Record<string, { readonly kind: RefusalKind; readonly title: string }>>;

export type RefusalCode = keyof typeof REFUSAL_CODES;

/** One of several faults: where it is, and a sentence. */
export interface RefusalFault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** An answer that says no. */
export interface Refusal<Code extends string = RefusalCode> {
  readonly refusal: Code;
  /** "" where the code says it all. */
  readonly detail: string;
  readonly faults: readonly RefusalFault[];
}

export function refuse<Code extends RefusalCode>(
  refusal: Code,
  detail = "",
  faults: readonly RefusalFault[] = [],
): Refusal<Code> {
  return { refusal, detail, faults };
}

export function isRefusal(answer: object): answer is Refusal<string> {
  return "refusal" in answer;
}
