import type { HourRevision } from "../../domain/billing/compute-invoice.ts";
import { usageKey } from "../../domain/closing/usage.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type { ChargedHour, RevisionRun, TenantCharges, WaitingHour } from "../../domain/ports/charges.ts";
import { CHARGE_FACTORS } from "../../domain/rating/charges.ts";
import type { Charge, ChargeFactors } from "../../domain/rating/rate.ts";
import type { Hour, HourRange } from "../../domain/time/hour.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";

type Numbers = keyof ChargeFactors | "events" | "gpu_time_ns" | "busy_ns";
/** A charge as JSON brings it. */
export type StoredChargeRecord = Omit<Charge, Numbers> & { readonly [name in Numbers]: string };
type ChargeRecord = StoredChargeRecord & {
  readonly hour: Hour;
  readonly revision: number;
  readonly price_book: string;
  readonly charge_id: string;
};

const SETTINGS = { max_execution_time: 30 } as const;
/** Runs of one question, so that no value is longer than the server takes. */
const RUNS_MAX = 1_000;

/** The charges of tenants in ClickHouse. */
export class ClickHouseTenantCharges implements TenantCharges {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  revisions(tenant_id: string, range: HourRange): Promise<HourRevision[]> {
    return this.#ask("pricing_tenant_revisions", { tenant_id, ...range });
  }

  async hours(tenant_id: string, runs: readonly RevisionRun[]): Promise<ChargedHour[]> {
    const hours: ChargedHour[] = [];
    for (let start = 0; start < runs.length; start += RUNS_MAX) {
      const some = runs.slice(start, start + RUNS_MAX);
      const records = await this.#ask<ChargeRecord>("pricing_tenant_hours", {
        tenant_id,
        from: Math.min(...some.map(({ from }) => from)),
        to: Math.max(...some.map(({ to }) => to)),
        starts: some.map(({ from }) => from),
        ends: some.map(({ to }) => to),
        revisions: some.map(({ revision }) => revision),
        books: some.map(({ price_book }) => price_book),
      });
      hours.push(...byHour(records));
    }
    return hours;
  }

  waiting(tenant_id: string, range: HourRange, limit: number): Promise<WaitingHour[]> {
    return this.#ask("pricing_waiting_hours", { tenant_id, ...range, limit });
  }

  #ask<Row>(name: string, params: Params): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params, { settings: SETTINGS });
  }
}

/** Records of the same hour follow one another. */
function byHour(records: readonly ChargeRecord[]): ChargedHour[] {
  const grouped = Map.groupBy(records, ({ hour }) => hour);
  return [...grouped].flatMap(([hour, own]) => {
    const [first] = own;
    if (first === undefined) return [];
    const { revision, price_book } = first;
    const charge_ids = own.map(({ charge_id }) => charge_id);
    return [{ hour, revision, price_book, charges: own.map(toCharge), charge_ids }];
  });
}

export function toCharge(record: StoredChargeRecord): Charge {
  const terms = Object.fromEntries(
    CHARGE_FACTORS.map((name) => [name, parseStoredDecimal(record[name])]),
  ) as {
    [name in keyof ChargeFactors]: bigint;
  };
  const { payer, billed_to, currency, formula, apportionments } = record;
  return {
    ...usageKey(record),
    payer,
    billed_to,
    currency,
    formula,
    apportionments,
    events: BigInt(record.events),
    gpu_time_ns: BigInt(record.gpu_time_ns),
    busy_ns: BigInt(record.busy_ns),
    ...terms,
  };
}
