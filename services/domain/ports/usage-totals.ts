import type { UsageSums, WindowKeyFields } from "../closing/usage.ts";
import type { Hour, HourRange } from "../time/hour.ts";

export interface UsageLine {
  readonly project_id: string;
  readonly model: string;
  readonly gpu_model: string;
  readonly sharing: string;
  readonly phase: string;
  readonly outcome: string;
  readonly events: string;
  readonly gpu_time_ns: string;
  readonly energy_uj: string;
  readonly tokens_in: string;
  readonly tokens_out: string;
}

/** A tenant's usage as windows know it. */
export type WindowUsage = Omit<WindowKeyFields, "tenant_id"> & UsageSums;

/** What a tenant spent: rated charges by day, and windows of hours that are not rated yet. */
export interface SpendRecords {
  readonly rated: readonly {
    readonly day: Hour;
    readonly project_id: string;
    readonly currency: string;
    readonly amount: bigint;
  }[];
  readonly waiting: readonly (WindowUsage & { readonly hour: Hour })[];
  /** When the newest counted record was appended, milliseconds since 1970; null if none was in the time looked at. */
  readonly counted_until: number | null;
}

/** A tenant's usage up to this moment, from the windows and charges. */
export interface UsageTotals {
  usage(tenant_id: string, range: HourRange): Promise<readonly UsageLine[]>;
  /** What a tenant has spent in the range, rated and not yet, and how far records are counted that came since `since`. */
  spend(tenant_id: string, range: HourRange, since: Hour): Promise<SpendRecords>;
  /** When the newest counted record was appended, milliseconds; null if none was since `since`. */
  countedUntil(since: Hour): Promise<number | null>;
}
