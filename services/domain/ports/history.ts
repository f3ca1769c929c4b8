import type { Audience } from "../access/audience.ts";
import type { UsageRow } from "../closing/usage.ts";
import type { Card } from "../event/fields.ts";
import type { HourSales } from "../insight/index-sales.ts";
import type { SessionPart } from "../insight/measured-sessions.ts";
import type { Hour, HourRange } from "../time/hour.ts";

export interface ModelOnGpu extends Card {
  readonly model: string;
}

/** Whose sessions, and of which project; of all projects where it is null. */
export interface SessionFilter {
  readonly audience: Audience;
  readonly project_id: string | null;
}

/** A closed hour of a tenant: its events that match the search, and all of them, which a look at its sessions reads. */
export interface MeasuredHour {
  readonly tenant_id: string;
  readonly hour: Hour;
  readonly measured: number;
  readonly read: number;
}

/** Usage of a tenant in an hour that it pays. */
export interface StoredUsage {
  readonly hour: Hour;
  readonly revision: number;
  readonly row: UsageRow;
}

export interface UsageSize {
  readonly tenant_id: string;
  readonly rows: number;
}

/** What closed hours say of many tenants at once: measured sessions for quotes, usage for what-if, sales for the index. */
export interface History {
  /** Newest first; hours in which the tenant has more than `read_max` events are left out. */
  measuredHours(
    served: ModelOnGpu,
    filter: SessionFilter,
    range: HourRange,
    limits: { readonly read_max: number; readonly limit: number },
  ): Promise<readonly MeasuredHour[]>;
  /** Of each tenant a share of its sessions in these hours: 2^64 - 1 keeps all, half of it a half. */
  sessions(
    served: ModelOnGpu,
    project_id: string | null,
    hours: readonly MeasuredHour[],
    keep: ReadonlyMap<string, bigint>,
    limit: number,
  ): Promise<readonly SessionPart[]>;
  /** Tenants of the audience in the order of their ids, after a place, and how many rows of usage they have. */
  usageSizes(
    range: HourRange,
    audience: Audience,
    after: string,
    limit: number,
  ): Promise<readonly UsageSize[]>;
  usage(range: HourRange, tenants: readonly string[]): Promise<readonly StoredUsage[]>;
  /** What tenants bought, in the order of hours, from the newest ratings. */
  sales(currency: string, range: HourRange): Promise<readonly HourSales[]>;
  /** The earliest hour that was rated after a moment, milliseconds since 1970; null if none was. */
  firstRatedSince(currency: string, since: number): Promise<Hour | null>;
}
