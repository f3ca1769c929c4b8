import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { UsageTotals } from "../../domain/ports/usage-totals.ts";
import { formatHour, HOUR_S, type Hour, isoText } from "../../domain/time/hour.ts";
import { LiveUsage, OPTIONAL_TENANT, query } from "../schemas.ts";

interface Deps {
  readonly ledger: Pick<UsageTotals, "usage" | "countedUntil">;
  readonly clock: Clock;
}

/** Records are looked for so far back to tell how old the answer is. */
const FRESH_S = 7 * 24 * HOUR_S;
/** Events may lie a little ahead of this machine's clock. */
const AHEAD_S = 24 * HOUR_S;

/** Usage of the running month, before its hours are closed. */
export function usageRoutes({ ledger, clock }: Deps) {
  return [
    route({
      method: "GET",
      path: "/v1/usage",
      operation: "liveUsage",
      summary: "Get usage of the current month (UTC) as counted so far, with its age; not yet audited",
      scopes: SCOPES,
      query: query(OPTIONAL_TENANT),
      reply: LiveUsage,
      async handle({ query, caller }) {
        const audience = audienceOf(caller, query.tenant_id);
        if (isRefusal(audience)) return audience;
        if (audience.kind === "all") {
          const message = "is needed: usage is per tenant";
          return problem("API_REQUEST_INVALID", `tenant_id ${message}`, [
            { path: "querystring/tenant_id", code: "required", message },
          ]);
        }
        const { tenant_id } = audience;
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
            counted_until: counted === null ? null : isoText(counted),
            age_ms: counted === null ? null : Math.max(0, now - counted),
            gpu_time_ns: String(lines.reduce((sum, line) => sum + BigInt(line.gpu_time_ns), 0n)),
            lines: [...lines],
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
