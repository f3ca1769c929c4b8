// The ledger behind the API as a list of rows, without a server.
import type { HourVerifier } from "../../../services/billing/verification/verify-hour.ts";
import { includes } from "../../../services/domain/access/audience.ts";
import { NO_FINDINGS } from "../../../services/domain/closing/verification.ts";
import type { ChargeLedger } from "../../../services/domain/ports/charges.ts";
import type { HourRevisions } from "../../../services/domain/ports/closed-hours.ts";
import type { RecordLedger } from "../../../services/domain/ports/records.ts";
import type { UsageTotals } from "../../../services/domain/ports/usage-totals.ts";
import { formatHour, parseHour } from "../../../services/domain/time/hour.ts";

export type MemoryLedger = ChargeLedger & RecordLedger & UsageTotals & HourRevisions & HourVerifier;

type Rows<Name extends keyof MemoryLedger> = Awaited<ReturnType<MemoryLedger[Name]>>;

/** What a ledger of a few rows holds. */
export interface LedgerRows {
  readonly charges: readonly NonNullable<Rows<"charge">>[];
  readonly sessions: Rows<"sessions">;
  readonly events: Rows<"events">;
  readonly usage: ReadonlyMap<string, Rows<"usage">>;
  readonly spend?: ReadonlyMap<string, Rows<"spend">>;
  readonly counted_until: number | null;
  readonly accounting: Rows<"accounting">;
  readonly rejected: Rows<"rejected">;
  readonly stored: readonly NonNullable<Rows<"event">>[];
  readonly voids: ReadonlyMap<string, Rows<"voidsOf">>;
  readonly hours: Rows<"hours">;
  readonly log_floor?: number;
}

/** A ledger that answers from rows, as ClickHouse would: filtered, sorted and cut. */
export function memoryLedger(rows: LedgerRows): MemoryLedger {
  const inside = (hour: string, { from, to }: { from: number; to: number }) => {
    const at = parseHour(hour) ?? -1;
    return at >= from && at < to;
  };
  return {
    charges: async (range, audience, after, limit) =>
      rows.charges
        .filter((it) => it.is_current && inside(it.hour, range) && it.charge_id > after)
        .filter(
          (it) => audience.kind === "all" || (it.payer === "tenant" && includes(audience, it.billed_to)),
        )
        .slice(0, limit)
        .map(line),
    charge: async (charge_id) => rows.charges.find((it) => it.charge_id === charge_id) ?? null,
    billedTenants: async (audience, after, limit) =>
      [...new Set(rows.charges.filter(({ payer }) => payer === "tenant").map((it) => it.billed_to))]
        .filter((it) => (audience.kind === "all" ? it > after : it === audience.tenant_id))
        .toSorted()
        .slice(0, limit),
    sessions: async (_charge, after, limit) =>
      rows.sessions.filter(({ session_id }) => session_id > after).slice(0, limit),
    events: async (_charge, session_id, after, limit) =>
      rows.events
        .filter((it) => it.event_id > after && (session_id === null || it.session_id === session_id))
        .slice(0, limit),
    usage: async (tenant_id) => rows.usage.get(tenant_id) ?? [],
    spend: async (tenant_id) => rows.spend?.get(tenant_id) ?? { rated: [], waiting: [], counted_until: null },
    countedUntil: async () => rows.counted_until,
    accounting: async (range, audience, after, limit) =>
      rows.accounting
        .filter((it) => inside(it.hour, range) && includes(audience, it.tenant_id))
        .filter((it) => `${it.hour} ${it.tenant_id}` > `${after.hour} ${after.tenant_id}`)
        .slice(0, limit),
    rejected: async ({ code, audience }, after, limit) =>
      rows.rejected
        .filter((it) => code === null || it.reject_code === code)
        .filter((it) => includes(audience, it.tenant_id))
        .filter(
          (it) =>
            it.kafka_partition > after.partition ||
            (it.kafka_partition === after.partition && BigInt(it.kafka_offset) > BigInt(after.offset)),
        )
        .slice(0, limit),
    event: async (event_id) => rows.stored.find(({ id }) => id === event_id) ?? null,
    voidsOf: async (event_id) => rows.voids.get(event_id) ?? [],
    logFloor: async () => rows.log_floor ?? 0,
    hours: async (range, after, limit) =>
      rows.hours
        .filter((it) => inside(it.hour, range))
        .filter((it) => it.hour > after.hour || (it.hour === after.hour && it.revision > after.revision))
        .slice(0, limit),
    verifyTenantHour: async () => null,
    async verify(hour, revision) {
      const row = rows.hours.findLast(
        (it) => it.hour === formatHour(hour) && (revision === 0 || it.revision === revision),
      );
      if (row === undefined) return null;
      const { content_hash } = row;
      return {
        revision: row.revision,
        content_hash,
        events_match: true,
        rows_match: true,
        chain_matches: true,
        keys: [],
        ...NO_FINDINGS,
      };
    },
  };
}

/** A charge as a list shows it: without what only its explanation has. */
function line(charge: LedgerRows["charges"][number]): Rows<"charges">[number] {
  const { charge_id, hour, revision, rating, payer, billed_to, tenant_id, project_id, model } = charge;
  const { model_version, gpu_model, mig_profile, sharing, phase, outcome, currency, events } = charge;
  const { busy_ns, busy_counter_share, busy_sampled_share, busy_elapsed_share, busy_ratio } = charge;
  const { gpu_time_ns, gpu_hours, rate_per_gpu_hour, composite, quality, apportionments } = charge;
  return {
    ...{ charge_id, hour, revision, rating, payer, billed_to, tenant_id, project_id, model },
    ...{ model_version, gpu_model, mig_profile, sharing, phase, outcome, currency, events },
    ...{ busy_ns, busy_counter_share, busy_sampled_share, busy_elapsed_share, busy_ratio },
    ...{ gpu_time_ns, gpu_hours, rate_per_gpu_hour, composite, quality, apportionments },
    charge: charge.charge,
  };
}
