import { ClickHouseError } from "@clickhouse/client";

/**
 * retriable: the server is away, overloaded or short of something; the same request may succeed later.
 * rejected: a guard of ours inside the statement (`throwIf`) said no; the request must be built anew.
 * fatal: the request itself is wrong, or nobody expected this.
 */
export type FailureKind = "retriable" | "rejected" | "fatal";

/** The only error that leaves this folder. `code` is ClickHouse's number as text, or the name of a network error. */
export class ClickHouseFailure extends Error {
  override readonly name = "ClickHouseFailure";
  readonly kind: FailureKind;
  readonly code: string;

  constructor(kind: FailureKind, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.code = code;
  }
}

export function isRetriable(error: unknown): boolean {
  return error instanceof ClickHouseFailure && error.kind === "retriable";
}

const THROW_IF = "395";

const RETRIABLE_CODES: Readonly<Record<string, string>> = {
  "159": "TIMEOUT_EXCEEDED",
  "202": "TOO_MANY_SIMULTANEOUS_QUERIES",
  "203": "NO_FREE_CONNECTION",
  "209": "SOCKET_TIMEOUT",
  "210": "NETWORK_ERROR",
  "225": "NO_ZOOKEEPER",
  "236": "ABORTED",
  "241": "MEMORY_LIMIT_EXCEEDED",
  "242": "TABLE_IS_READ_ONLY",
  "243": "NOT_ENOUGH_SPACE",
  "252": "TOO_MANY_PARTS",
  "279": "ALL_CONNECTION_TRIES_FAILED",
  "285": "TOO_FEW_LIVE_REPLICAS",
  "286": "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
  "289": "REPLICA_IS_NOT_IN_QUORUM",
  "319": "UNKNOWN_STATUS_OF_INSERT",
  "394": "QUERY_WAS_CANCELLED",
  "439": "CANNOT_SCHEDULE_TASK",
  "999": "KEEPER_EXCEPTION",
};

const NETWORK_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** What the client says without a code when the connection or a proxy before the server failed. */
const NETWORK_MESSAGE =
  /^Timeout error|socket hang up|^aborted$|bad gateway|service unavailable|gateway time-?out/i;

/** Maps whatever the client throws; the one place where that is decided. */
export function failureOf(error: unknown): ClickHouseFailure {
  if (error instanceof ClickHouseFailure) return error;
  const message = error instanceof Error ? error.message.trim() : String(error);
  const code = codeOf(error);
  if (error instanceof ClickHouseError) {
    if (code === THROW_IF) return new ClickHouseFailure("rejected", code, guardMessage(message), error);
    return new ClickHouseFailure(code in RETRIABLE_CODES ? "retriable" : "fatal", code, message, error);
  }
  const isNetwork = NETWORK_CODES.has(code) || NETWORK_MESSAGE.test(message);
  // A refused connection has an empty message when several addresses were tried.
  return new ClickHouseFailure(isNetwork ? "retriable" : "fatal", code || "UNKNOWN", message || code, error);
}

function codeOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** `throwIf`'s own message, without what the server puts behind it. */
function guardMessage(message: string): string {
  return message.split(/: while executing|: In scope/)[0] ?? message;
}
