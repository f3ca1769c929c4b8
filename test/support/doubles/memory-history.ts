// Measured sessions, stored usage and sales without a server, for quotes, what-if and the index.
import { includes } from "../../../services/domain/access/audience.ts";
import { compareText, type UsageRow } from "../../../services/domain/closing/usage.ts";
import type { HourSales } from "../../../services/domain/insight/index-sales.ts";
import type { SessionPart } from "../../../services/domain/insight/measured-sessions.ts";
import type { History, StoredUsage } from "../../../services/domain/ports/history.ts";
import { usageRow } from "../builders/price-books.ts";

export interface HistoryRows {
  /** A session lies in the hour in which it ended. */
  readonly sessions: readonly SessionPart[];
  readonly usage: readonly StoredUsage[];
  /** When each was rated too, milliseconds; all in one currency. */
  readonly sales: readonly (HourSales & { readonly rated_at: number })[];
}

const HOUR_US = 3_600_000_000;
const HOUR_S = 3_600;

/** A history that answers from rows, as ClickHouse would. */
export function memoryHistory({ sessions, usage, sales }: HistoryRows): History {
  const hourOf = (it: SessionPart) => Math.floor((it.ended_at - 1) / HOUR_US) * HOUR_S;
  const isInside = (hour: number, { from, to }: { from: number; to: number }) => hour >= from && hour < to;
  const isServed = (it: UsageRow, served: object) =>
    Object.entries(served).every(([name, value]) => it[name as "model"] === value);
  return {
    async measuredHours({ model, gpu_model, mig_profile }, { audience, project_id }, range, limits) {
      const own = sessions.filter(
        (it) =>
          isServed(it, { model, gpu_model, mig_profile }) &&
          isInside(hourOf(it), range) &&
          includes(audience, it.tenant_id) &&
          (project_id === null || it.project_id === project_id),
      );
      const hours = Map.groupBy(own, (it) => `${hourOf(it)} ${it.tenant_id}`);
      return [...hours.values()]
        .map((parts) => {
          const [first] = parts as [SessionPart];
          const measured = parts.length;
          return { tenant_id: first.tenant_id, hour: hourOf(first), measured, read: measured };
        })
        .toSorted((a, b) => b.hour - a.hour || compareText(a.tenant_id, b.tenant_id))
        .slice(0, limits.limit);
    },
    async sessions({ model, gpu_model, mig_profile }, project_id, hours, _keep, limit) {
      return sessions
        .filter((it) => isServed(it, { model, gpu_model, mig_profile }))
        .filter((it) => project_id === null || it.project_id === project_id)
        .filter((it) => hours.some((own) => own.tenant_id === it.tenant_id && own.hour === hourOf(it)))
        .slice(0, limit);
    },
    async usageSizes(range, audience, after, limit) {
      const own = usage.filter(
        ({ hour, row }) =>
          isInside(hour, range) &&
          (audience.kind === "all" ? row.tenant_id > after : row.tenant_id === audience.tenant_id),
      );
      return [...Map.groupBy(own, ({ row }) => row.tenant_id)]
        .map(([name, rows]) => ({ tenant_id: name, rows: rows.length }))
        .toSorted((a, b) => compareText(a.tenant_id, b.tenant_id))
        .slice(0, limit);
    },
    usage: async (range, tenants) =>
      usage.filter(({ hour, row }) => isInside(hour, range) && tenants.includes(row.tenant_id)),
    sales: async (_currency, range) => sales.filter(({ hour }) => isInside(hour, range)),
    async firstRatedSince(_currency, since) {
      const hours = sales.filter(({ rated_at }) => rated_at > since).map(({ hour }) => hour);
      return hours.length === 0 ? null : Math.min(...hours);
    },
  };
}

/** A session of one event that ended at a moment in milliseconds, and lasted a second. */
export function sessionPart(
  session_id: string,
  endedAtMs: number,
  changes: Partial<SessionPart> = {},
): SessionPart {
  return {
    ...usageRow({ tokens_in: 100n, tokens_out: 20n }),
    session_id,
    rank: 0,
    ranks: 1,
    first_sequence: 0,
    last_sequence: 0,
    began_at: (endedAtMs - 1_000) * 1_000,
    ended_at: endedAtMs * 1_000,
    ...changes,
  };
}
