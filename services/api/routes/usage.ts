import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { EVERYBODY, tenantFor } from "../../billing/access/visibility.ts";
import { formatHour, HOUR_S, type Hour } from "../../domain/time/hour.ts";
import type { Pricing } from "../app.ts";
import { LiveUsage, OPTIONAL_TENANT, query } from "../schemas.ts";

/** Records are looked for so far back to tell how old the answer is. */
const FRESH_S = 7 * 24 * HOUR_S;
/** Events may lie a little ahead of this machine's clock. */
const AHEAD_S = 24 * HOUR_S;

/** Usage of the running month, before its hours are closed. */
export function usageRoutes({ ledger, clock }: Pricing) {
  return [
    route({
      method: "GET",
      path: "/v1/usage",
      operation: "liveUsage",
      summary:
        "Usage of the running month (UTC) as counted so far, with the age of the answer; not yet audited",
      scopes: EVERYBODY,
      query: query(OPTIONAL_TENANT),
      reply: LiveUsage,
      async handle({ query: asked, caller }) {
        const tenant_id = tenantFor(caller, asked.tenant_id);
        if (typeof tenant_id !== "string") return tenant_id;
        if (tenant_id === "") {
          const message = "is needed: usage is told for one tenant";
          return problem("API_REQUEST_INVALID", `tenant_id ${message}`, [
            { path: "querystring/tenant_id", code: "required", message },
          ]);
        }
        const now = clock.nowMs();
        const from = monthStart(now);
        const to = Math.floor(now / 1000) + AHEAD_S;
        const [lines, counted] = await Promise.all([
          ledger.usage(tenant_id, { from, to }),
          ledger.countedUntil(Math.max(0, Math.floor(now / 1000) - FRESH_S)),
        ]);
        return {
          body: {
            tenant_id,
            from: formatHour(from),
            counted_until: counted === null ? null : new Date(counted).toISOString(),
            age_ms: counted === null ? null : Math.max(0, now - counted),
            gpu_time_ns: String(lines.reduce((sum, line) => sum + BigInt(line.gpu_time_ns), 0n)),
            lines,
          },
        };
      },
    }),
  ];
}

function monthStart(nowMs: number): Hour {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth()) / 1000;
}
