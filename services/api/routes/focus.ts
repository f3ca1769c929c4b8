import Type from "typebox";
import { route } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { FocusExport } from "../../domain/ports/focus.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { rangeIn } from "../paging.ts";
import { OPTIONAL_TENANT, query, RANGE } from "../schemas.ts";

interface Deps {
  readonly focus: FocusExport;
}

const YEAR_HOURS = 366 * 24;
const FORMATS = ["csv", "parquet"] as const;
const ROWS = ["charges", "invoices"] as const;
const RowsName = Type.Union(ROWS.map((name) => Type.Literal(name)));
const FormatName = Type.Union(FORMATS.map((name) => Type.Literal(name)));

/** Charges for the tools of those who pay: docs/FOCUS.md. */
export function focusRoutes({ focus }: Deps) {
  return [
    route({
      method: "GET",
      path: "/v1/focus",
      operation: "exportFocus",
      cost: 10,
      summary: "Export current charges or invoice lines as a file in FOCUS 1.2 columns",
      scopes: SCOPES,
      query: query({
        ...RANGE,
        ...OPTIONAL_TENANT,
        format: Type.Optional(FormatName),
        rows: Type.Optional(RowsName),
      }),
      reply: Type.Unknown(),
      formats: FORMATS,
      isFile: true,
      async handle({ query, caller, format }) {
        const range = rangeIn(query, YEAR_HOURS);
        if (isRefusal(range)) return range;
        const audience = audienceOf(caller, query.tenant_id);
        if (isRefusal(audience)) return audience;
        const { rows = "charges" } = query;
        const kind = format === "parquet" ? "parquet" : "csv";
        const [from, to] = [range.from, range.to].map((hour) => formatHour(hour).slice(0, 13));
        return {
          content: focus.file(range, audience, { format: kind, rows }),
          format: kind,
          file_name: `focus-${rows}-${from}-${to}.${kind}`,
        };
      },
    }),
  ];
}
