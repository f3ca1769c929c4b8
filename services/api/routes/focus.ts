import Type from "typebox";
import { isProblem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { EVERYBODY, tenantFor } from "../../billing/access/visibility.ts";
import { formatHour } from "../../domain/time/hour.ts";
import type { Pricing } from "../app.ts";
import { rangeIn } from "../paging.ts";
import { OPTIONAL_TENANT, query, RANGE } from "../schemas.ts";

const YEAR_HOURS = 366 * 24;
const FORMATS = ["csv", "parquet"] as const;
const ROWS = ["charges", "invoices"] as const;
const RowsName = Type.Union(ROWS.map((name) => Type.Literal(name)));
const FormatName = Type.Union(FORMATS.map((name) => Type.Literal(name)));

/** Charges for the tools of those who pay: docs/FOCUS.md. */
export function focusRoutes({ focus }: Pricing) {
  return [
    route({
      method: "GET",
      path: "/v1/focus",
      operation: "exportFocus",
      summary:
        "Current charges of closed hours, or lines of invoices, in the columns of FOCUS 1.2, as a file",
      scopes: EVERYBODY,
      query: query({
        ...RANGE,
        ...OPTIONAL_TENANT,
        format: Type.Optional(FormatName),
        rows: Type.Optional(RowsName),
      }),
      reply: Type.Unknown(),
      formats: FORMATS,
      isFile: true,
      async handle({ query: asked, caller, format }) {
        const range = rangeIn(asked, YEAR_HOURS);
        if (isProblem(range)) return range;
        const tenant = tenantFor(caller, asked.tenant_id);
        if (typeof tenant !== "string") return tenant;
        const { rows = "charges" } = asked;
        const kind = format === "parquet" ? "parquet" : "csv";
        const [from, to] = [range.from, range.to].map((hour) => formatHour(hour).slice(0, 13));
        return {
          content: focus.file(range, tenant, { format: kind, rows }),
          format: kind,
          file_name: `focus-${rows}-${from}-${to}.${kind}`,
        };
      },
    }),
  ];
}
