import type { ENUMS } from "./record.ts";

/** What a correction may change of an event. Quantities of 64 bits are texts; null takes an optional one out. */
export interface EventChanges {
  tenant_id?: string;
  project_id?: string;
  user_id?: string | null;
  model?: string;
  model_version?: string;
  phase?: (typeof ENUMS.phase)[number];
  outcome?: (typeof ENUMS.outcome)[number];
  gpu_time_ns?: string;
  gpu_busy_ns?: string | null;
  communication_ns?: string;
  memory_peak_bytes?: string;
  energy_uj?: string | null;
  tokens_in?: number;
  tokens_cached?: number;
  tokens_out?: number;
}
