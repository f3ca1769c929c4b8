// Generates docs/openapi.json and the operations of the client from the routes. Run by `npm run api`.
import { writeFileSync } from "node:fs";
import { type OpenApiDocument, type OpenApiOperation, refName } from "../adapters/http/openapi.ts";
import { PROBLEM_CODES } from "../adapters/http/problem.ts";
import { pricingDocument } from "./app.ts";
import { NAMED_SCHEMAS } from "./named-schemas.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

export const DESCRIPTIONS = {
  "docs/openapi.json": () => `${JSON.stringify(pricingDocument(), null, 2)}\n`,
  "services/client/pricing-operations.ts": () => operationsText(pricingDocument()),
};

function operationsText({ paths, components }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return [
    "// Made from docs/openapi.json by `npm run api`; do not edit.",
    "",
    ...Object.keys(NAMED_SCHEMAS).flatMap((name) => [
      `export type ${name} = ${typeText(components.schemas[name] ?? {})};`,
      "",
    ]),
    "/** The request and the reply of each operation. */",
    "export interface PricingOperations {",
    ...operations.flatMap(({ operation }) => [
      `  /** ${operation.summary}. */`,
      `  ${operation.operationId}: { request: ${requestText(operation)}; reply: ${replyText(operation)} };`,
    ]),
    "}",
    "",
    "export const PRICING_OPERATIONS = {",
    ...operations.map(
      ({ path, method, operation }) =>
        `  ${operation.operationId}: { method: "${method.toUpperCase()}", path: "${path}" },`,
    ),
    "} as const;",
    "",
    "/** Every code that an error response may have. */",
    "export const PROBLEM_CODES = [",
    ...PROBLEM_CODES.map((code) => `  "${code}",`),
    "] as const;",
    "",
  ].join("\n");
}

function requestText({ parameters, requestBody }: OpenApiOperation): string {
  const group = (place: string) => {
    const own = parameters.filter((parameter) => parameter.in === place);
    const fields = own.map(({ name, required, schema }) => field(name, required, schema));
    const isNeeded = own.some(({ required }) => required);
    return own.length === 0 ? [] : [`${place}${isNeeded ? "" : "?"}: { ${fields.join("; ")} }`];
  };
  const body = requestBody?.content["application/json"]?.schema;
  const groups = [...group("path"), ...group("query"), ...group("header")];
  if (body !== undefined) groups.push(`body: ${typeText(body)}`);
  return groups.length === 0 ? "{}" : `{ ${groups.join("; ")} }`;
}

function replyText({ responses }: OpenApiOperation): string {
  const good = Object.entries(responses).find(([status]) => status.startsWith("2"));
  return typeText(good?.[1].content["application/json"]?.schema ?? {});
}

/** A JSON Schema as a TypeScript type. */
function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return refName(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" | ");
  switch (schema.type) {
    case "array":
      return `readonly (${typeText(schema.items ?? {})})[]`;
    case "object": {
      const fields = Object.entries(schema.properties ?? {});
      const texts = fields.map(([name, own]) => field(name, schema.required?.includes(name) === true, own));
      return texts.length === 0 ? "object" : `{ ${texts.join("; ")} }`;
    }
    case "integer":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "unknown";
  }
}

function field(name: string, isRequired: boolean, schema: Schema): string {
  const quoted = /^\w+$/.test(name) ? name : JSON.stringify(name);
  return `readonly ${quoted}${isRequired ? "" : "?"}: ${typeText(schema)}`;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(DESCRIPTIONS)) {
    writeFileSync(new URL(`../../${path}`, import.meta.url), text());
  }
}
