import Type from "typebox";
import { PROBLEM_CODES } from "./problem.ts";
import { MEDIA_TYPES, type Route } from "./route.ts";

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

const PROBLEM = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Union(PROBLEM_CODES.map((code) => Type.Literal(code))),
    detail: Type.Optional(Type.String()),
    instance: Type.String(),
    faults: Type.Optional(
      Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() })),
    ),
  },
  { description: "An error response: problem details, RFC 9457" },
);

/** As far as a client is made from it. Schemas are JSON Schema. */
export interface OpenApiDocument {
  /** What a `$ref` of "#/components/schemas/…" stands for. */
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "path" | "query" | "header";
    readonly required: boolean;
    readonly schema: object;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

export const IDEMPOTENCY_KEY = Type.String({ pattern: "^[!-~]{1,128}$" });

const REF = "#/components/schemas/";

/**
 * The OpenAPI 3.1 document of the routes, as plain JSON. The same routes give the same document. Where a route uses one
 * of the named schemas, the very object, the document refers to it.
 */
export function openApiDocument(
  info: { title: string; version: string; description: string },
  routes: readonly Route[],
  named: Readonly<Record<string, object>>,
): OpenApiDocument {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  const document = {
    openapi: "3.1.0",
    info: { ...info, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer", description: "An API key: mh_…" } },
      // Copies, which are not referred to: each name is spelled out here.
      schemas: Object.fromEntries(
        Object.entries({ ...named, Problem: PROBLEM }).map(([name, schema]) => [name, { ...schema }]),
      ),
    },
  };
  const names = new Map<unknown, string>(Object.entries(named).map(([name, schema]) => [schema, name]));
  const refer = (_key: string, value: unknown): unknown => {
    const name = names.get(value);
    return name === undefined ? value : { $ref: `${REF}${name}` };
  };
  return JSON.parse(JSON.stringify(document, refer));
}

/** The name that a reference has. */
export function refName(ref: string): string {
  return ref.slice(REF.length);
}

function operation(route: Route): object {
  const json = (schema: object) => ({ "application/json": { schema } });
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(route.tag === undefined ? {} : { tags: [route.tag] }),
    description: `Scopes: ${route.scopes.join(", ")}.`,
    parameters: [
      ...parameters("path", route.params),
      ...parameters("query", route.query),
      ...(route.idempotent
        ? [{ name: "Idempotency-Key", in: "header", required: true, schema: IDEMPOTENCY_KEY }]
        : []),
    ],
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: json(route.body) } }),
    responses: {
      [route.status]: {
        description: "Success",
        content: { ...(route.formats.includes("json") ? json(route.reply) : {}), ...otherFormats(route) },
      },
      default: {
        description: "Error",
        content: { "application/problem+json": { schema: { $ref: `${REF}Problem` } } },
      },
    },
  };
}

function otherFormats({ formats }: Route): object {
  const others = formats.filter((format) => format !== "json");
  return Object.fromEntries(others.map((format) => [MEDIA_TYPES[format], { schema: { type: "string" } }]));
}

function parameters(place: "path" | "query", schema: ObjectSchema): object[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: schema.required?.includes(name) ?? false,
    schema: property,
  }));
}
