import Type, { type Static, type TSchema } from "typebox";
import type { Caller, Scope } from "../../domain/access/caller.ts";
import type { Problem } from "./problem.ts";

/** What a route may answer in. JSON is the one that every route has, but for those that answer files only. */
export const MEDIA_TYPES = {
  json: "application/json",
  csv: "text/csv",
  html: "text/html",
  parquet: "application/vnd.apache.parquet",
} as const;
export type Format = keyof typeof MEDIA_TYPES;

export interface Asked<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  /** Empty where the route does not ask for one. */
  readonly idempotency_key: string;
  /** One of the route's formats: the query's `format`, else what the Accept header likes best, else the first one. */
  readonly format: Format;
}

export interface Reply<Body> {
  readonly body: Body;
  readonly status?: number;
  /** For things that never change: its hash or id. */
  readonly etag?: string;
  /** It may change after all, if seldom: the ETag is asked about each time. */
  readonly isRevalidated?: boolean;
}

/** An answer that is written already, in any format of the route. */
export interface FileReply extends Omit<Reply<never>, "body"> {
  /** In pieces if it may be large. */
  readonly content: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly format: Format;
  readonly file_name: string;
}

export type Answer<Body> = Reply<Body> | FileReply | Problem;

const NOTHING = Type.Object({}, { additionalProperties: false });
type Nothing = typeof NOTHING;

interface Definition<P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema> {
  readonly method: "GET" | "POST" | "DELETE";
  /** With parameters as `{name}`. */
  readonly path: string;
  /** The name that clients call it by. */
  readonly operation: string;
  readonly summary: string;
  readonly scopes: readonly Scope[];
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly reply: R;
  readonly status?: 200 | 201 | 202;
  /** What it can answer in beside JSON. Its query should have a `format` too, for those who cannot set headers. */
  readonly formats?: readonly Exclude<Format, "json">[];
  /** It answers in no JSON, but in the first of its formats where nothing else is asked for. */
  readonly isFile?: boolean;
  /** Repeating the request under the same Idempotency-Key, which is then mandatory, repeats the answer only. */
  readonly idempotent?: boolean;
  readonly handle: (asked: Asked<Static<P>, Static<Q>, Static<B>>) => Promise<Answer<Static<R>>>;
}

/** A route, with its description for checks, for OpenAPI and for clients. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  readonly scopes: readonly Scope[];
  readonly params: TSchema;
  readonly query: TSchema;
  readonly body: TSchema | undefined;
  readonly reply: TSchema;
  readonly status: number;
  readonly formats: readonly Format[];
  readonly idempotent: boolean;
  readonly handle: (asked: Asked<unknown, unknown, unknown>) => Promise<Answer<unknown>>;
}

/** Declares a route; what its handler is given has been checked against the schemas. */
export function route<
  R extends TSchema,
  P extends TSchema = Nothing,
  Q extends TSchema = Nothing,
  B extends TSchema = Nothing,
>(definition: Definition<P, Q, B, R>): Route {
  const { params = NOTHING, query = NOTHING, body, status = 200, idempotent = false } = definition;
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
    handle: definition.handle as Route["handle"],
  };
}
