// One decoded gpu_time_event, held in two typed arrays that are filled anew for every record: no object per event.
// Numbers are integers below 2^53, checked by validate; NULL (NaN) stands for Avro's null. Texts are ranges of `bytes`.

/** Marks an absent nullable number. Never reaches arithmetic: every reader tests it with isNull. */
export const NULL = Number.NaN;
export const isNull = (value: number): boolean => Number.isNaN(value);

/** Index of each number in `EventRecord.numbers`, in the order of the schema. */
export const NUMBERS = {
  sequence: 0,
  sharing: 1,
  rank: 2,
  world_size: 3,
  phase: 4,
  outcome: 5,
  started_at: 6,
  ended_at: 7,
  gpu_time_ns: 8,
  gpu_busy_ns: 9,
  communication_ns: 10,
  time_quality: 11,
  memory_peak_bytes: 12,
  memory_scope: 13,
  memory_total_bytes: 14,
  energy_uj: 15,
  power_avg_mw: 16,
  power_peak_mw: 17,
  power_limit_mw: 18,
  energy_quality: 19,
  nvlink_tx_bytes: 20,
  nvlink_rx_bytes: 21,
  tokens_in: 22,
  tokens_cached: 23,
  tokens_out: 24,
  batch_steps: 25,
  batch_size_avg_milli: 26,
} as const;
export type NumberField = keyof typeof NUMBERS;
export const NUMBER_COUNT = 27;

/** Index of each text in `EventRecord.starts` and `.lengths`; length -1 stands for null. */
export const TEXTS = {
  session_id: 0,
  user_id: 1,
  tenant_id: 2,
  project_id: 3,
  model: 4,
  model_version: 5,
  node: 6,
  container_id: 7,
  gpu_uuid: 8,
  gpu_model: 9,
  mig_profile: 10,
  apportionment: 11,
  probe_version: 12,
} as const;
export type TextField = keyof typeof TEXTS;
const TEXT_COUNT = 13;

/** Enum symbols in the order of the schema; SQL stores index + 1 and keeps 0 for "no value". */
export const ENUMS = {
  sharing: ["exclusive", "mps", "timeslice"],
  phase: ["load", "warmup", "inference"],
  outcome: ["ok", "error", "timeout", "cancelled", "interrupted"],
  time_quality: ["measured", "bounded", "estimated"],
  memory_scope: ["session", "shared"],
  energy_quality: ["counter", "integral", "model", "none"],
} as const;
export type EnumField = keyof typeof ENUMS;

/** Nullable numbers of the schema; all others are mandatory. */
export const NULLABLE_NUMBERS: ReadonlySet<NumberField> = new Set([
  "gpu_busy_ns",
  "energy_uj",
  "power_avg_mw",
  "power_peak_mw",
  "power_limit_mw",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
]);

/** Texts that may be null (or not there); stored as the empty string, which no present value can be. */
export const NULLABLE_TEXTS: ReadonlySet<TextField> = new Set(["user_id", "container_id", "mig_profile"]);

export class EventRecord {
  /** The buffer that holds the Avro body. Texts and the id are ranges of it until the next record is read. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same buffer, for reading four bytes at once. */
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the 16 bytes of event_id start in `bytes`. */
  id = 0;
  /** Start and end of the Avro body in `bytes`; the payload hash covers it. */
  bodyStart = 0;
  bodyEnd = 0;
  readonly numbers = new Float64Array(NUMBER_COUNT);
  readonly starts = new Int32Array(TEXT_COUNT);
  readonly lengths = new Int32Array(TEXT_COUNT);
}
