// Errors of our HTTP APIs as problem details (RFC 9457).
import {
  REFUSAL_CODES,
  type Refusal,
  type RefusalCode,
  type RefusalFault,
  type RefusalKind,
} from "../../domain/access/refusal.ts";

/** What can be wrong with a request itself, before any work is done. Codes are never renamed or reused. */
export const API_CODES = {
  API_REQUEST_INVALID: {
    status: 400,
    title: "The request does not follow the description of the API; every fault is named.",
  },
  API_CURSOR_INVALID: {
    status: 400,
    title: "The cursor was not given out for this list; start without one.",
  },
  API_RANGE_TOO_LONG: {
    status: 400,
    title: "The range is longer than this route answers at once; ask in parts.",
  },
  API_KEY_MISSING: { status: 401, title: "Send an API key: `Authorization: Bearer mh_…`." },
  API_KEY_UNKNOWN: { status: 401, title: "The API key is unknown or revoked." },
  API_SCOPE_MISSING: { status: 403, title: "The API key's scope does not cover this route." },
  API_ROUTE_UNKNOWN: { status: 404, title: "No such route; /openapi.json lists them all." },
  API_BODY_TOO_LARGE: { status: 413, title: "The body is larger than this API accepts." },
  API_MEDIA_TYPE: { status: 415, title: "Bodies are JSON: `Content-Type: application/json`." },
  API_RATE_LIMITED: {
    status: 429,
    title: "Too many requests; try again after the seconds given in Retry-After.",
  },
  API_CALLER_BUSY: {
    status: 429,
    title:
      "Too many expensive requests of this tenant are at work or wait; try again after the seconds given in Retry-After.",
  },
  API_BUSY: {
    status: 503,
    title:
      "Too many expensive requests are at work or wait; try again after the seconds given in Retry-After.",
  },
  API_INTERNAL: {
    status: 500,
    title: "An internal error; the log has the details under the request's id.",
  },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ApiCode = keyof typeof API_CODES;

/** Every code that a problem may have. */
export const PROBLEM_CODES = [...Object.keys(API_CODES), ...Object.keys(REFUSAL_CODES)] as (
  | ApiCode
  | RefusalCode
)[];

const STATUS_OF: Readonly<Record<RefusalKind, number>> = {
  malformed: 400,
  missing: 404,
  conflict: 409,
  gone: 410,
  invalid: 422,
  unavailable: 503,
};

/** An error response: an invalid request, or a refusal. */
export type Problem = Refusal<ApiCode | RefusalCode>;

export function problem(
  refusal: ApiCode | RefusalCode,
  detail = "",
  faults: readonly RefusalFault[] = [],
): Problem {
  return { refusal, detail, faults };
}

/** The body of the response. `instance` is the request id, which the log has too. */
export function problemBody({ refusal: code, detail, faults }: Problem, instance: string) {
  return {
    type: `urn:meterhouse:error:${code}`,
    ...head(code),
    code,
    ...(detail === "" ? {} : { detail }),
    instance,
    ...(faults.length === 0 ? {} : { faults }),
  };
}

function head(code: ApiCode | RefusalCode): { readonly title: string; readonly status: number } {
  if (code in API_CODES) {
    const { title, status } = API_CODES[code as ApiCode];
    return { title, status };
  }
  const { title, kind } = REFUSAL_CODES[code as RefusalCode];
  return { title, status: STATUS_OF[kind] };
}
