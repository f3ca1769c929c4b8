import Type, { type Static, type TSchema } from "typebox";
import type { Caller, Scope } from "../../domain/access/caller.ts";
import type { Problem } from "./problem.ts";

/** Formats of responses. Every route has JSON, except those that respond with files only. */
export const MEDIA_TYPES = {
  json: "application/json",
  csv: "text/csv",
  html: "text/html",
  parquet: "application/vnd.apache.parquet",
} as const;
export type Format = keyof typeof MEDIA_TYPES;

export interface RouteRequest<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  /** Empty unless the route is idempotent. */
  readonly idempotency_key: string;
  /** One of the route's formats: the query's `format`, else the one that the Accept header prefers, else the first. */
  readonly format: Format;
}

export interface Reply<Body> {
  readonly body: Body;
  readonly status?: number;
  /** Its hash or id, if it never changes. */
  readonly etag?: string;
  /** It may still change, though rarely: clients revalidate the ETag each time. */
  readonly isRevalidated?: boolean;
}

/** A response that is already serialised, in one of the route's formats. */
export interface FileReply extends Omit<Reply<never>, "body"> {
  /** In chunks if it may be large. */
  readonly content: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly format: Format;
  readonly file_name: string;
}

export type RouteResponse<Body> = Reply<Body> | FileReply | Problem;

const NOTHING = Type.Object({}, { additionalProperties: false });
type Nothing = typeof NOTHING;

interface Definition<P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema> {
  readonly method: "GET" | "POST" | "DELETE";
  /** With parameters as `{name}`. */
  readonly path: string;
  /** The operation id, by which clients call it. */
  readonly operation: string;
  readonly summary: string;
  readonly scopes: readonly Scope[];
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly reply: R;
  readonly status?: 200 | 201 | 202;
  /** Formats other than JSON. Its query should have a `format` too, for clients that cannot set headers. */
  readonly formats?: readonly Exclude<Format, "json">[];
  /** It has no JSON; the first of its formats is the default. */
  readonly isFile?: boolean;
  /** Idempotency-Key is mandatory, and a request repeated under the same key only repeats the response. */
  readonly idempotent?: boolean;
  /** Requests that one of it counts as in the caller's rate. Above 1 it also waits for one of a few places: see fair-gate.ts. */
  readonly cost?: number;
  readonly handle: (
    request: RouteRequest<Static<P>, Static<Q>, Static<B>>,
  ) => Promise<RouteResponse<Static<R>>>;
}

/** A route and its schemas, for validation, OpenAPI and clients. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  /** Groups operations in the OpenAPI document. */
  readonly tag?: string;
  readonly scopes: readonly Scope[];
  readonly params: TSchema;
  readonly query: TSchema;
  readonly body: TSchema | undefined;
  readonly reply: TSchema;
  readonly status: number;
  readonly formats: readonly Format[];
  readonly idempotent: boolean;
  readonly cost: number;
  readonly handle: (request: RouteRequest<unknown, unknown, unknown>) => Promise<RouteResponse<unknown>>;
}

/** Declares a route; its handler receives only validated requests. */
export function route<
  R extends TSchema,
  P extends TSchema = Nothing,
  Q extends TSchema = Nothing,
  B extends TSchema = Nothing,
>(definition: Definition<P, Q, B, R>): Route {
  const { params = NOTHING, query = NOTHING, body, status = 200, idempotent = false, cost = 1 } = definition;
  const { formats: others = [], isFile = false } = definition;
  const formats: readonly Format[] = isFile ? others : ["json", ...others];
  return {
    ...definition,
    params,
    query,
    body,
    status,
    formats,
    idempotent,
    cost,
    handle: definition.handle as Route["handle"],
  };
}
