// Requests made from an OpenAPI description: what it allows, what it does not, and what somebody hostile would try.
import fc from "fast-check";
import {
  type OpenApiDocument,
  type OpenApiOperation,
  refName,
} from "../../../services/adapters/http/openapi.ts";

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

export interface FuzzRequest {
  readonly operation: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload?: string;
}

/** Values that are there, by the name of their parameter: a random one finds nothing. */
export type Known = Readonly<Record<string, readonly string[]>>;

const HOSTILE = [
  "",
  "\0",
  "'; DROP TABLE usage_log; --",
  "\\",
  "\\'\n\t",
  "{id:String}",
  "../../etc/passwd",
  "%00%2e",
  "ü€😀\ud800",
  "9".repeat(400),
  "-1",
  "1e309",
  "NaN",
  "null",
  "__proto__",
  "2026-02-30T25:00:00Z",
  "9999-12-31T23:00:00Z",
  "0000-00-00T00:00:00Z",
  "f".repeat(32),
  "0".repeat(64),
];

/** Requests of one operation; `book` is what a body of unknown shape is made from. */
export function requestsOf(
  path: string,
  method: string,
  operation: OpenApiOperation,
  known: Known,
  book: unknown,
): fc.Arbitrary<FuzzRequest> {
  const values = operation.parameters.map((it) =>
    fc.record({
      it: fc.constant(it),
      value: textFor(it.name, it.schema, known),
      isSent: it.required ? fc.constant(true) : fc.boolean(),
    }),
  );
  const schema = operation.requestBody?.content["application/json"]?.schema;
  return fc
    .record({ parts: fc.tuple(...values), payload: bodyOf(schema, known, book) })
    .map(({ parts, payload }) => {
      const of = (place: string) => parts.filter(({ it, isSent }) => it.in === place && isSent);
      const filled = of("path").reduce(
        (text, { it, value }) => text.replace(`{${it.name}}`, encoded(value)),
        path,
      );
      const query = of("query").map(({ it, value }) => `${it.name}=${encoded(value)}`);
      const printable = of("header").map(({ it, value }) => [
        it.name,
        value.replaceAll(/[^!-~]/g, "x") || "x",
      ]);
      const type = payload === undefined ? {} : { "content-type": "application/json" };
      return {
        operation: operation.operationId,
        method: method.toUpperCase() as FuzzRequest["method"],
        url: query.length === 0 ? filled : `${filled}?${query.join("&")}`,
        headers: { ...type, ...Object.fromEntries(printable) },
        ...(payload === undefined ? {} : { payload }),
      };
    });
}

/** Every operation of a document, with what its references stand for in their place. */
export function operationsOf({ paths, components }: OpenApiDocument): [string, string, OpenApiOperation][] {
  const resolved = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value), (_key, part) =>
      typeof part?.$ref === "string" ? resolved(components.schemas[refName(part.$ref)]) : part,
    );
  return Object.entries(resolved(paths)).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, OpenApiOperation] => [
      path,
      method,
      operation,
    ]),
  );
}

function textFor(name: string, schema: Schema, known: Known): fc.Arbitrary<string> {
  const there = known[name];
  return fc.oneof(
    { weight: 6, arbitrary: there === undefined ? textOf(schema) : fc.constantFrom(...there) },
    { weight: 2, arbitrary: textOf(schema) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  );
}

function textOf(schema: Schema): fc.Arbitrary<string> {
  return allowed(schema, {}).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
}

/** fast-check makes nothing from what a pattern only looks at. */
function matching(pattern: string): fc.Arbitrary<string> {
  const whole = new RegExp(pattern, "u");
  const made = new RegExp(pattern.replace(/^\^\(\?![^)]*\)/, "^"), "u");
  return fc.stringMatching(made).filter((text) => whole.test(text));
}

/** A value that the schema allows; mostly one that is there, in fields that are known by their names. */
function allowed(schema: Schema, known: Known): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((it) => allowed(it, known)));
  switch (schema.type) {
    case "string":
      return schema.pattern === undefined
        ? fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40) })
        : matching(schema.pattern);
    case "integer":
      return fc.integer({ min: schema.minimum ?? -5, max: Math.min(schema.maximum ?? 99, 2 ** 31 - 1) });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(allowed(schema.items ?? {}, known));
    case "object": {
      const fields = Object.entries(schema.properties ?? {});
      const requiredKeys = fields.map(([name]) => name).filter((name) => schema.required?.includes(name));
      const record: Record<string, fc.Arbitrary<unknown>> = {};
      for (const [name, own] of fields) {
        const there = known[name];
        const any = { weight: 1, arbitrary: allowed(own, known) };
        record[name] =
          there === undefined
            ? any.arbitrary
            : fc.oneof(any, { weight: 6, arbitrary: fc.constantFrom(...there) });
      }
      return fc.record(record, { requiredKeys });
    }
    default:
      return fc.jsonValue();
  }
}

function bodyOf(schema: Schema | undefined, known: Known, book: unknown): fc.Arbitrary<string | undefined> {
  if (schema === undefined) return fc.constant(undefined);
  const good = schema.type === undefined ? fc.constant(book) : allowed(schema, known);
  return fc.oneof(
    { weight: 6, arbitrary: good.map((value) => JSON.stringify(value)) },
    {
      weight: 3,
      arbitrary: fc.tuple(good, fc.nat(), fc.jsonValue()).map(([value, at, wrong]) => bent(value, at, wrong)),
    },
    { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  );
}

/** The value with one of its parts replaced. */
function bent(value: unknown, at: number, wrong: unknown): string {
  let parts = 0;
  JSON.stringify(value, (_key, part) => {
    parts += 1;
    return part;
  });
  const target = at % Math.max(parts, 1);
  let seen = 0;
  return JSON.stringify(value, (_key, part) => (seen++ === target ? wrong : part)) ?? "";
}

/** As it would be sent; a lone surrogate has no UTF-8. */
function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}
