// What the processor's core needs of an Avro reader; the adapter that knows Avro implements it.
import type { RejectCode } from "./codes.ts";
import type { EventRecord } from "./record.ts";

/** gpu_totals, decoded; what version 1 lacks is null, and its busy_quality elapsed. Times in microseconds, quantities in the unit of their name. */
export interface GpuTotals {
  readonly totals_id: Uint8Array;
  readonly node: string;
  readonly container_id: string | null;
  readonly gpu_uuid: string;
  readonly gpu_model: string;
  readonly mig_profile: string | null;
  /** Index in ENUMS.sharing. */
  readonly sharing: number;
  readonly rank: number;
  readonly started_at: number;
  readonly ended_at: number;
  readonly wall_time_ns: number;
  readonly attributed_ns: number;
  readonly operator_ns: number;
  readonly idle_ns: number;
  readonly unattributed_ns: number;
  readonly busy_ns: number | null;
  readonly busy_attributed_ns: number | null;
  readonly busy_operator_ns: number | null;
  readonly unmetered_ns: number | null;
  /** Index in ENUMS.busy_quality. */
  readonly busy_quality: number;
  /** As pid:name, joined by commas. */
  readonly unmetered_processes: string | null;
  readonly energy_uj: number | null;
  readonly energy_attributed_uj: number | null;
  readonly energy_operator_uj: number | null;
  readonly energy_idle_uj: number | null;
  readonly energy_parked_uj: number | null;
  readonly energy_unmetered_uj: number | null;
  /** Joined by commas. */
  readonly parked_models: string | null;
  readonly steps: number;
  readonly steps_missed: number;
  readonly lost_events: number;
  readonly probe_version: string;
}

/** event_void, decoded; what version 1 lacks is null. */
export interface EventVoid {
  readonly event_id: Uint8Array;
  readonly reason: string;
  readonly issued_by: string;
  readonly issued_at: number;
  /** Whose event it takes out; null: whoever's. */
  readonly tenant_id: string | null;
  /** Key id, a point, base64url. */
  readonly correction_mac: string | null;
}

export type Read =
  | { readonly type: "event" }
  | { readonly type: "totals"; readonly totals: GpuTotals }
  | { readonly type: "void"; readonly void: EventVoid }
  | { readonly type: "unreadable"; readonly code: RejectCode; readonly detail: string };

export interface RecordReader {
  /**
   * Reads one record's value, `length` bytes at `start` of a buffer that `bytes` and `view` show. An event fills `event`,
   * which stays valid until the next call. Never throws on bad bytes.
   */
  read(bytes: Uint8Array, view: DataView, start: number, length: number, event: EventRecord): Read;
}
