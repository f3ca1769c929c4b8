/** Everything that can be wrong with a price book, and what to do about it. */
export const PRICE_BOOK_FAULTS = {
  PRICE_BOOK_FIELD_MISSING: "is missing",
  PRICE_BOOK_FIELD_UNKNOWN: "is not a field of a price book",
  PRICE_BOOK_NOT_AN_OBJECT: "must be an object",
  PRICE_BOOK_NOT_A_LIST: "must be a list with at least one entry",
  PRICE_BOOK_NOT_A_TEXT: "must be a text of 1 to 128 characters",
  PRICE_BOOK_NOT_A_DECIMAL: 'must be a decimal written as a text, such as "2.50": a JSON number is not exact',
  PRICE_BOOK_TOO_MANY_DIGITS: "has more digits than the 26 before and 12 after the point that are kept",
  PRICE_BOOK_NEGATIVE: "must not be negative",
  PRICE_BOOK_FACTOR_TOO_LARGE: "must be at most 4",
  PRICE_BOOK_NOT_A_COUNT: "must be a whole number from 1 to 2^53 - 1",
  PRICE_BOOK_NOT_AN_HOUR: 'must be the start of an hour in UTC, such as "2026-01-01T00:00:00Z"',
  PRICE_BOOK_FORMULA_UNKNOWN: "names a formula that this version does not have",
  PRICE_BOOK_CURRENCY: 'must be three capital letters, such as "USD"',
  PRICE_BOOK_WEIGHTS_SUM: "must add up to exactly 1",
  PRICE_BOOK_CONTENTION: "is no part of composite@2, which weighs busy time itself: leave it out",
  PRICE_BOOK_MIN_ABOVE_MAX: "must not be above max",
  PRICE_BOOK_GPU_TWICE: "names a GPU model and MIG profile that is already listed",
  PRICE_BOOK_PAYER: 'must be "tenant" or "operator"',
  PRICE_BOOK_COLD_START: 'must be "operator": a cold start is never the first caller\'s',
  PRICE_BOOK_CHOICE: "is not one of the allowed values",
  PRICE_BOOK_NAME_TWICE: "is already the name of an earlier entry",
  PRICE_BOOK_ZERO: "must be more than 0",
  PRICE_BOOK_PERCENT: "must be at most 100",
  PRICE_BOOK_PRICES: "must have at most one of unit_price, graduated and volume",
  PRICE_BOOK_TIERS: "must have an up_to that rises from tier to tier, and none in the last tier",
  PRICE_BOOK_HOUR_OF_DAY: "must be a whole number from 0 to 23",
  PRICE_BOOK_HOUR_TWICE: "gives one hour of the day two factors",
  PRICE_BOOK_ADJUSTMENT:
    "must have exactly one of percentage_discount, fixed_discount and minimum_commitment",
  PRICE_BOOK_RATE_UNKNOWN: "does not name a rate of its plan",
  PRICE_BOOK_RATE_TWICE: "already has an hourly commitment",
  PRICE_BOOK_OVERLAP: "is also the hour from which another book takes effect",
} as const;

export type PriceBookFaultCode = keyof typeof PRICE_BOOK_FAULTS;

/** One fault: where it is, such as `gpus[0].weights`, which it is, and a sentence about it. */
export interface PriceBookFault {
  readonly path: string;
  readonly code: PriceBookFaultCode;
  readonly message: string;
}

export function priceBookFault(path: string, code: PriceBookFaultCode): PriceBookFault {
  return { path, code, message: `${path === "" ? "the book" : path} ${PRICE_BOOK_FAULTS[code]}` };
}
