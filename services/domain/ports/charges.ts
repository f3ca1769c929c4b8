import type { Audience } from "../access/audience.ts";
import type { HourRevision } from "../billing/compute-invoice.ts";
import type { TenantHour } from "../billing/statement.ts";
import type { UsageKey } from "../closing/usage.ts";
import type { ChargeFactor } from "../rating/charges.ts";
import type { Hour, HourRange } from "../time/hour.ts";
import type { ChargedEvent } from "./records.ts";

/** What a charge is for. Integers of 64 bits are texts, as everywhere outside the arithmetic. */
interface ChargeHead extends UsageKey {
  readonly charge_id: string;
  readonly hour: string;
  readonly revision: number;
  readonly rating: number;
  readonly payer: "tenant" | "operator";
  readonly billed_to: string;
  readonly currency: string;
  readonly events: string;
  /** Elapsed. */
  readonly gpu_time_ns: string;
  readonly busy_ns: string;
}

export interface ChargeSummary extends ChargeHead {
  readonly gpu_hours: string;
  readonly rate_per_gpu_hour: string;
  readonly busy_counter_share: string;
  readonly busy_sampled_share: string;
  readonly busy_elapsed_share: string;
  readonly busy_ratio: string;
  readonly composite: string;
  readonly quality: string;
  readonly charge: string;
  readonly apportionments: string[];
}

/** A charge with every factor, and the revision of the hour that it is based on. */
export type ChargeDetail = ChargeHead & { readonly [name in ChargeFactor]: string } & {
  readonly is_current: boolean;
  readonly price_book: string;
  readonly formula: string;
  readonly apportionments: string[];
  readonly hour_content_hash: string;
  readonly hour_chain_hash: string;
  readonly hour_closed_at: string;
  readonly hour_reason: string;
};

export interface ChargedSession {
  readonly session_id: string;
  readonly events: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly gpu_time_ns: string;
  readonly memory_peak_bytes: string;
  readonly energy_uj: string;
  readonly tokens_in: string;
  readonly tokens_out: string;
  readonly apportionments: string[];
}

/** Charges, and the sessions and events that each is made of. */
export interface ChargeLedger {
  /** Current charges, in the order of their ids; the operator's own too where the audience is everybody. */
  charges(
    range: HourRange,
    audience: Audience,
    after: string,
    limit: number,
  ): Promise<readonly ChargeSummary[]>;
  charge(charge_id: string): Promise<ChargeDetail | null>;
  /** Tenants of the audience that have charges, in the order of their ids, after a place. */
  billedTenants(audience: Audience, after: string, limit: number): Promise<readonly string[]>;
  sessions(charge: ChargeDetail, after: string, limit: number): Promise<readonly ChargedSession[]>;
  /** Of one session, or of all where it is null. */
  events(
    charge: ChargeDetail,
    session_id: string | null,
    after: string,
    limit: number,
  ): Promise<readonly ChargedEvent[]>;
}

/** Hours one after the other with the same revision, rated by the same book. */
export interface RevisionRun {
  readonly from: Hour;
  readonly to: Hour;
  readonly revision: number;
  readonly price_book: string;
}

/** An hour of a tenant as it was rated, with the ids of its charges. */
export interface ChargedHour extends TenantHour {
  readonly charge_ids: readonly string[];
}

/** Why an hour cannot be invoiced yet: not closed, not rated, or with a card that has no price. */
export interface WaitingHour {
  readonly hour: Hour;
  readonly why: "open" | "unrated" | "unpriced";
}

/** Charges as an invoice takes them, one tenant at a time. */
export interface TenantCharges {
  /** The newest rated revision of each hour in which the tenant has charges, in order. */
  revisions(tenant_id: string, range: HourRange): Promise<readonly HourRevision[]>;
  /** The tenant's charges in the hours of these revisions. */
  hours(tenant_id: string, runs: readonly RevisionRun[]): Promise<readonly ChargedHour[]>;
  /** Hours of anybody that are not closed or not rated, and those in which a card of the tenant has no price; in order. */
  waiting(tenant_id: string, range: HourRange, limit: number): Promise<readonly WaitingHour[]>;
}
