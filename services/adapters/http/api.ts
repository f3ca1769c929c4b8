import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import Type from "typebox";
import type { Authentication } from "../../domain/access/authentication.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { isRefusal, type RefusalFault } from "../../domain/access/refusal.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import { type Admission, admission } from "./admission.ts";
import { matchesEtag } from "./etag.ts";
import { negotiateFormat } from "./format.ts";
import { IDEMPOTENCY_KEY } from "./openapi.ts";
import { type Performance, performance } from "./performance.ts";
import { type Problem, problem, problemBody } from "./problem.ts";
import type { Rate } from "./rate-limit.ts";
import { countRequests, fastifyPath, type RequestMetrics } from "./request-metrics.ts";
import { type FileReply, MEDIA_TYPES, type Reply, type Route, type RouteRequest } from "./route.ts";
import { startStream } from "./start-stream.ts";

export interface ApiOptions {
  readonly routes: readonly Route[];
  /** Served at GET /openapi.json, without a key. */
  readonly document: object;
  readonly authentication: Authentication;
  /** Whether an error is transient: the same request may succeed later. */
  readonly isRetriable: (error: unknown) => boolean;
  readonly rate: Rate;
  /** Expensive requests at work at once; half of them at most for one tenant. */
  readonly expensive_max: number;
  /** Addresses and networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly bodyBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly metrics: RequestMetrics;
}

/** An HTTP API that is not listening yet. */
export type Api = FastifyInstance;

const REQUEST_MS_MAX = 30_000;
const PARAM_LENGTH_MAX = 512;
/** Faults that a response names; a body may have one for each of its fields. */
const FAULTS_MAX = 50;
/** The line of the request and all headers together; beyond it Node answers 431. */
const HEADER_BYTES_MAX = 16_384;

/** Serves routes: checks key, rate, scope and schema, and responds with problem details to everything invalid. */
export function createApi(options: ApiOptions): Api {
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    requestTimeout: REQUEST_MS_MAX,
    forceCloseConnections: true,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    trustProxy: options.trustedProxies.length > 0 && [...options.trustedProxies],
    exposeHeadRoutes: false,
    genReqId: () => options.newId(),
    requestIdHeader: false,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    // Reject unknown fields; never coerce types. Every fault is named: what that costs is bounded by the body's length.
    ajv: {
      customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true },
    },
    frameworkErrors: (error, request, reply) => sendError(options, error, request, reply),
  });
  countRequests(app, options.routes, options.metrics, options.clock);
  app.removeContentTypeParser("text/plain");
  app.setErrorHandler((error, request, reply) => sendError(options, error, request, reply));
  app.setNotFoundHandler((request, reply) => sendProblem(problem("API_ROUTE_UNKNOWN"), request, reply));
  app.get("/openapi.json", async () => options.document);
  const admit = admission(options);
  const perform = performance(options);
  for (const route of options.routes) register(app, route, admit, perform);
  return app;
}

function register(app: Api, route: Route, admit: Admission, perform: Performance): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  const headers = Type.Object({ "idempotency-key": IDEMPOTENCY_KEY });
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    schema: {
      params: route.params,
      querystring: route.query,
      ...(route.body === undefined ? {} : { body: route.body }),
      ...(route.idempotent ? { headers } : {}),
    },
    onRequest: async (request, reply) => {
      const admitted = await admit(request, reply, route);
      if (isRefusal(admitted)) return sendProblem(admitted, request, reply);
      callers.set(request, admitted);
    },
    handler: async (request, reply) => {
      const routeRequest: RouteRequest<unknown, unknown, unknown> = {
        params: request.params,
        query: request.query,
        body: request.body,
        caller: callers.get(request) as Caller,
        idempotency_key: route.idempotent ? String(request.headers["idempotency-key"]) : "",
        format: negotiateFormat(route.formats, request.query, request.headers.accept ?? ""),
      };
      const response = await perform(routeRequest, route, reply);
      if (isRefusal(response)) return sendProblem(response, request, reply);
      return sendReply(response, route, request, reply);
    },
  });
}

function sendReply(
  response: Reply<unknown> | FileReply,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  if (route.formats.length > 1) reply.header("vary", "accept");
  if (response.etag !== undefined) {
    const etag = `"${response.etag}"`;
    const keep = response.isRevalidated === true ? "no-cache" : "max-age=31536000, immutable";
    reply.header("etag", etag).header("cache-control", `private, ${keep}`);
    if (matchesEtag(String(request.headers["if-none-match"] ?? ""), etag)) return reply.code(304).send();
  } else {
    reply.header("cache-control", "no-store");
  }
  reply.code(response.status ?? route.status);
  return "content" in response ? sendFile(response, reply) : reply.send(response.body);
}

/** Our pages load and run nothing, whatever text they contain. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

async function sendFile({ content, format, file_name }: FileReply, reply: FastifyReply) {
  const kind = format === "html" || format === "json" ? "inline" : "attachment";
  const isText = MEDIA_TYPES[format].startsWith("text/");
  const body =
    typeof content === "string" || content instanceof Uint8Array ? content : await startStream(content);
  return reply
    .type(isText ? `${MEDIA_TYPES[format]}; charset=utf-8` : MEDIA_TYPES[format])
    .header("content-disposition", `${kind}; filename="${file_name}"`)
    .header("content-security-policy", PAGE_POLICY)
    .header("x-content-type-options", "nosniff")
    .send(body);
}

function sendProblem(found: Problem, request: FastifyRequest, reply: FastifyReply) {
  const body = problemBody(found, request.id);
  if (body.status === 401) reply.header("www-authenticate", "Bearer");
  return reply
    .code(body.status)
    .type("application/problem+json")
    .header("cache-control", "no-store")
    .send(JSON.stringify(body));
}

function sendError(options: ApiOptions, error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const found = problemOf(error);
  if (found !== null) return sendProblem(found, request, reply);
  const about = {
    err: error,
    request_id: request.id,
    method: request.method,
    route: request.routeOptions.url,
  };
  if (options.isRetriable(error)) {
    options.log.warn(about, "request could not be answered for now");
    return sendProblem(problem("API_UNAVAILABLE"), request, reply.header("retry-after", "1"));
  }
  options.log.error(about, "request failed");
  return sendProblem(problem("API_INTERNAL"), request, reply);
}

interface HttpError {
  readonly code?: string;
  readonly message: string;
  readonly statusCode?: number;
  readonly validation?: readonly { instancePath: string; message?: string; keyword: string }[];
  readonly validationContext?: string;
}

/** The framework's complaint about a request; null for an error that is not the caller's. */
function problemOf(error: unknown): Problem | null {
  const { code, message, statusCode = 500, validation, validationContext } = error as HttpError;
  if (validation !== undefined) {
    const faults = validation.slice(0, FAULTS_MAX).map(
      (it): RefusalFault => ({
        path: `${validationContext ?? ""}${it.instancePath}`,
        code: it.keyword,
        message: it.message ?? "is not valid",
      }),
    );
    const more = validation.length - faults.length;
    const detail = more > 0 ? `${faults.length} of ${validation.length} faults are named.` : message;
    return problem("API_REQUEST_INVALID", detail, faults);
  }
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return problem("API_BODY_TOO_LARGE");
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return problem("API_MEDIA_TYPE");
  return statusCode >= 400 && statusCode < 500 ? problem("API_REQUEST_INVALID", message) : null;
}
