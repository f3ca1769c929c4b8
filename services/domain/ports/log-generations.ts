import type { GenerationRow, LogGap } from "../log/generations.ts";

/** Which logs of Kafka usage_log was read from, and what of them was accepted as lost. Append-only. */
export interface LogGenerations {
  /** In the order of generations and then of time. */
  generations(): Promise<readonly GenerationRow[]>;
  begin(row: GenerationRow): Promise<void>;
  gaps(): Promise<readonly LogGap[]>;
  acceptGap(gap: LogGap): Promise<void>;
}
