import { PRICING_OPERATIONS, PROBLEM_CODES, type PricingOperations } from "./pricing-operations.ts";

export type PricingOperation = keyof PricingOperations;
export type PricingClient = <Name extends PricingOperation>(
  operation: Name,
  request: PricingOperations[Name]["request"],
) => Promise<PricingOperations[Name]["reply"]>;

type ProblemCode = (typeof PROBLEM_CODES)[number];

/** One of several faults of a request: where it is, and a sentence. */
interface Fault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** The API refused the request. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  /** "" for an error that is not the API's own. */
  readonly code: ProblemCode | "";
  readonly faults: readonly Fault[];

  constructor(status: number, { code, title, detail, faults = [] }: ProblemResponse) {
    super([title ?? `the API answered ${status}`, detail].filter(Boolean).join(" "));
    this.status = status;
    this.code = PROBLEM_CODES.find((known) => known === code) ?? "";
    this.faults = faults;
  }
}

interface ProblemResponse {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly faults?: readonly Fault[];
}

interface AnyRequest {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly header?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const REQUEST_MS_MAX = 60_000;

/** A file may be a month of everybody's charges. */
const DOWNLOAD_MS_MAX = 30 * 60_000;

interface Access {
  readonly url: string;
  readonly key: string;
}

/**
 * A client of the pricing API, typed by its description.
 * @throws ApiFailure if the API refuses; TypeError if it cannot be reached
 */
export function pricingClient(access: Access): PricingClient {
  return async (operation, request) => {
    const response = await send(access, operation, request, REQUEST_MS_MAX);
    return (isJson(response) ? await response.json() : {}) as never;
  };
}

/**
 * Downloads the file that an operation responds with, in chunks.
 * @throws as `pricingClient` does; TypeError too if the file breaks off
 */
export async function* pricingDownload<Name extends PricingOperation>(
  access: Access,
  operation: Name,
  request: PricingOperations[Name]["request"],
): AsyncGenerator<Uint8Array> {
  const response = await send(access, operation, request, DOWNLOAD_MS_MAX);
  if (response.body !== null) yield* response.body;
}

async function send(
  { url, key }: Access,
  operation: PricingOperation,
  request: AnyRequest,
  msMax: number,
): Promise<Response> {
  const { method, path } = PRICING_OPERATIONS[operation];
  const { path: parts = {}, query = {}, header = {}, body } = request;
  const target = new URL(
    url + path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? "")),
  );
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, value);
  }
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(target, {
    method,
    headers: { authorization: `Bearer ${key}`, ...type, ...header },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(msMax),
  });
  if (response.ok) return response;
  const content: unknown = isJson(response) ? await response.json() : {};
  throw new ApiFailure(response.status, content as ProblemResponse);
}

function isJson({ headers }: Response): boolean {
  return /^application\/(problem\+)?json/.test(headers.get("content-type") ?? "");
}
