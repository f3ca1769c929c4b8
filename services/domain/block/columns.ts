// The columns of usage_log, in the order in which a block sends them, and how each is kept while a block is filled.
import type { EnumField, NumberField, TextField } from "../event/record.ts";

export type ColumnKind =
  | { readonly kind: "enum8"; readonly first: 0 | 1; readonly symbols: readonly string[] }
  | { readonly kind: "uint8" | "uint16" | "uint32" | "uint64" | "date" | "datetime" }
  | { readonly kind: "datetime64"; readonly digits: 3 | 6 }
  | { readonly kind: "nullable_uint32" | "nullable_uint64" }
  | { readonly kind: "fixed16" | "text" | "dictionary" | "numbers" };

/** `first` is the value of the first symbol; 0 is kept for "no value". */
const enum8 = (first: 0 | 1, ...symbols: string[]) => ({ kind: "enum8", first, symbols }) as const;
const UINT32 = { kind: "uint32" } as const;
const UINT64 = { kind: "uint64" } as const;
const DICTIONARY = { kind: "dictionary" } as const;
const TEXT = { kind: "text" } as const;

/** Position in KINDS + 1 is the value of the Enum8. */
export const KINDS = ["event", "window", "rejected", "void", "batch", "totals"] as const;
export type RowKind = (typeof KINDS)[number];

export const COLUMNS = {
  kind: enum8(1, ...KINDS),
  ingest_day: { kind: "date" },
  kafka_partition: { kind: "uint16" },
  kafka_offset: UINT64,
  ingested_at: { kind: "datetime64", digits: 3 },
  hour: { kind: "datetime" },
  event_id: { kind: "fixed16" },
  payload_hash: UINT64,
  home: { kind: "uint8" },
  session_id: TEXT,
  sequence: UINT32,
  tenant_id: DICTIONARY,
  project_id: DICTIONARY,
  user_id: TEXT,
  model: DICTIONARY,
  model_version: DICTIONARY,
  node: DICTIONARY,
  container_id: DICTIONARY,
  gpu_uuid: DICTIONARY,
  gpu_model: DICTIONARY,
  mig_profile: DICTIONARY,
  sharing: enum8(0, "none", "exclusive", "mps", "timeslice"),
  rank: { kind: "uint16" },
  world_size: { kind: "uint16" },
  phase: enum8(0, "none", "load", "warmup", "inference"),
  outcome: enum8(0, "none", "ok", "error", "timeout", "cancelled", "interrupted"),
  started_at: { kind: "datetime64", digits: 6 },
  ended_at: { kind: "datetime64", digits: 6 },
  gpu_time_ns: UINT64,
  gpu_busy_ns: { kind: "nullable_uint64" },
  communication_ns: UINT64,
  time_quality: enum8(0, "none", "measured", "bounded", "estimated"),
  memory_peak_bytes: UINT64,
  memory_scope: enum8(0, "none", "session", "shared"),
  memory_total_bytes: UINT64,
  energy_uj: { kind: "nullable_uint64" },
  power_avg_mw: { kind: "nullable_uint32" },
  power_peak_mw: { kind: "nullable_uint32" },
  power_limit_mw: { kind: "nullable_uint32" },
  energy_quality: enum8(0, "unknown", "counter", "integral", "model", "none"),
  nvlink_tx_bytes: { kind: "nullable_uint64" },
  nvlink_rx_bytes: { kind: "nullable_uint64" },
  tokens_in: UINT32,
  tokens_cached: UINT32,
  tokens_out: UINT32,
  batch_steps: UINT32,
  batch_size_avg_milli: UINT32,
  apportionment: DICTIONARY,
  probe_version: DICTIONARY,
  numbers: { kind: "numbers" },
  reject_code: DICTIONARY,
  reject_detail: TEXT,
  record_key: TEXT,
  raw: TEXT,
} as const satisfies Record<string, ColumnKind>;
export type ColumnName = keyof typeof COLUMNS;
export const COLUMN_NAMES = Object.keys(COLUMNS) as ColumnName[];

type NamesOf<K extends string> = {
  [N in ColumnName]: (typeof COLUMNS)[N] extends { kind: K } ? N : never;
}[ColumnName];
export type DictionaryColumn = NamesOf<"dictionary">;
export type TextColumn = NamesOf<"text">;
type Whole = NamesOf<
  "uint8" | "uint16" | "uint32" | "uint64" | "date" | "datetime" | "datetime64" | "nullable_uint64"
>;

/** A row that is not an event: few of a batch, so kept as an object. What is left out is sent as zero or empty. */
export type Row = { readonly kind: RowKind } & { readonly [N in Whole]?: number } & {
  readonly [N in EnumField]?: number;
} & { readonly [N in DictionaryColumn]?: number } & { readonly [N in TextColumn]?: Uint8Array } & {
  readonly event_id?: Uint8Array;
  /** Low and high 32 bits. */
  readonly payload_hash_words?: readonly [number, number];
  readonly numbers?: readonly bigint[];
};

export const EVENT_DICTIONARIES = [
  "tenant_id",
  "project_id",
  "model",
  "model_version",
  "node",
  "container_id",
  "gpu_uuid",
  "gpu_model",
  "mig_profile",
  "apportionment",
  "probe_version",
] as const satisfies readonly (DictionaryColumn & TextField)[];
export const EVENT_TEXTS = ["session_id", "user_id"] as const satisfies readonly (TextColumn & TextField)[];

export const UINT64_FIELDS = [
  "gpu_time_ns",
  "communication_ns",
  "memory_peak_bytes",
  "memory_total_bytes",
] as const satisfies readonly NumberField[];
export const NULLABLE_UINT64_FIELDS = [
  "gpu_busy_ns",
  "energy_uj",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
] as const satisfies readonly NumberField[];
export const UINT32_FIELDS = [
  "sequence",
  "tokens_in",
  "tokens_cached",
  "tokens_out",
  "batch_steps",
  "batch_size_avg_milli",
] as const satisfies readonly NumberField[];
export const NULLABLE_UINT32_FIELDS = [
  "power_avg_mw",
  "power_peak_mw",
  "power_limit_mw",
] as const satisfies readonly NumberField[];
export const UINT16_FIELDS = ["rank", "world_size"] as const satisfies readonly NumberField[];
export const TIME_FIELDS = ["started_at", "ended_at"] as const satisfies readonly NumberField[];
export const ENUM_FIELDS = [
  "sharing",
  "phase",
  "outcome",
  "time_quality",
  "memory_scope",
  "energy_quality",
] as const satisfies readonly EnumField[];
