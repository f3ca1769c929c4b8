// The fields of gpu_time_event: the one list that all others are made from, once, when the code is loaded. Its order is that of
// the schema, of the columns of usage_log and of what is hashed, so a new field goes to the end. schemas/ and the tables of
// ClickHouse are written by hand and checked against it. The unit of a quantity stands last in its name.

/** How a sum of the hour is made of a quantity; nulls are left out. */
export type SumRule =
  /** The quantity itself. */
  | "plain"
  /** The quantity times gpu_time_ns. */
  | "times_gpu_time"
  /** The quantity itself, of the events whose busy time is measured: sampled or by the card's counter. */
  | "where_busy_measured"
  /** gpu_time_ns of the events whose busy time is measured. */
  | "gpu_time_where_busy_measured"
  /** gpu_time_ns of the events whose busy time is from the card's counter. */
  | "gpu_time_where_busy_counter";

interface Flags {
  /** Absent as null in Avro; a text is then stored as the empty one. */
  readonly nullable?: true;
  /** What rows of usage_hourly are grouped by, and with them charges. */
  readonly usage_key?: true;
  /** What the processor's own sums are grouped by: `WindowKey` in window/sums.ts packs these into whole words by hand. */
  readonly window_key?: true;
  /** Names a card, or the part of one, that a price book has a price for. */
  readonly card?: true;
  /** Used up over time and so split over hours; peaks, averages and texts hold in each hour. */
  readonly split?: true;
  /** Sums of the hour that the quantity goes into, by their names. `WindowSums.addEvent` in window/sums.ts adds them up by hand. */
  readonly sums?: Readonly<Record<string, SumRule>>;
  /** May be put right through the API. */
  readonly amendable?: true;
}

export type Field = Flags &
  (
    | { readonly kind: "id" | "time" }
    /** `dictionary`: few distinct values a block. */
    | { readonly kind: "text" | "dictionary" }
    /** Whole and not negative, up to `LARGEST`. */
    | { readonly kind: "uint16" | "uint32" | "uint64" }
    /** `absent` is SQL's word, with the value 0, in rows that are no events. */
    | { readonly kind: "enum"; readonly symbols: readonly string[]; readonly absent: string }
  );

export const FIELDS = {
  event_id: { kind: "id" },
  session_id: { kind: "text" },
  sequence: { kind: "uint32" },
  tenant_id: { kind: "dictionary", usage_key: true, window_key: true, amendable: true },
  project_id: { kind: "dictionary", usage_key: true, window_key: true, amendable: true },
  user_id: { kind: "text", nullable: true, amendable: true },
  model: { kind: "dictionary", usage_key: true, window_key: true, amendable: true },
  model_version: { kind: "dictionary", usage_key: true, amendable: true },
  node: { kind: "dictionary" },
  container_id: { kind: "dictionary", nullable: true },
  gpu_uuid: { kind: "dictionary" },
  gpu_model: { kind: "dictionary", usage_key: true, window_key: true, card: true },
  mig_profile: { kind: "dictionary", nullable: true, usage_key: true, card: true },
  sharing: {
    kind: "enum",
    symbols: ["exclusive", "mps", "timeslice"],
    absent: "none",
    usage_key: true,
    window_key: true,
  },
  rank: { kind: "uint16" },
  world_size: { kind: "uint16" },
  phase: {
    kind: "enum",
    symbols: ["load", "warmup", "inference"],
    absent: "none",
    usage_key: true,
    window_key: true,
    amendable: true,
  },
  outcome: {
    kind: "enum",
    symbols: ["ok", "error", "timeout", "cancelled", "interrupted"],
    absent: "none",
    usage_key: true,
    window_key: true,
    amendable: true,
  },
  started_at: { kind: "time" },
  ended_at: { kind: "time" },
  gpu_time_ns: { kind: "uint64", split: true, sums: { gpu_time_ns: "plain" }, amendable: true },
  gpu_busy_ns: {
    kind: "uint64",
    nullable: true,
    split: true,
    sums: { gpu_busy_ns: "where_busy_measured", gpu_busy_known_ns: "gpu_time_where_busy_measured" },
    amendable: true,
  },
  communication_ns: { kind: "uint64", split: true, sums: { communication_ns: "plain" }, amendable: true },
  time_quality: { kind: "enum", symbols: ["measured", "bounded", "estimated"], absent: "none" },
  memory_peak_bytes: { kind: "uint64", sums: { memory_time_byte_ns: "times_gpu_time" }, amendable: true },
  memory_scope: { kind: "enum", symbols: ["session", "shared"], absent: "none" },
  memory_total_bytes: { kind: "uint64" },
  energy_uj: { kind: "uint64", nullable: true, split: true, sums: { energy_uj: "plain" }, amendable: true },
  power_avg_mw: { kind: "uint32", nullable: true, sums: { power_avg_time_mw_ns: "times_gpu_time" } },
  power_peak_mw: { kind: "uint32", nullable: true, sums: { power_peak_time_mw_ns: "times_gpu_time" } },
  power_limit_mw: { kind: "uint32", nullable: true },
  energy_quality: { kind: "enum", symbols: ["counter", "integral", "model", "none"], absent: "unknown" },
  nvlink_tx_bytes: { kind: "uint64", nullable: true, split: true, sums: { nvlink_tx_bytes: "plain" } },
  nvlink_rx_bytes: { kind: "uint64", nullable: true, split: true, sums: { nvlink_rx_bytes: "plain" } },
  tokens_in: { kind: "uint32", split: true, sums: { tokens_in: "plain" }, amendable: true },
  tokens_cached: { kind: "uint32", split: true, sums: { tokens_cached: "plain" }, amendable: true },
  tokens_out: { kind: "uint32", split: true, sums: { tokens_out: "plain" }, amendable: true },
  batch_steps: { kind: "uint32", split: true, sums: { batch_steps: "plain" } },
  batch_size_avg_milli: { kind: "uint32" },
  apportionment: { kind: "dictionary" },
  probe_version: { kind: "dictionary" },
  busy_quality: {
    kind: "enum",
    symbols: ["elapsed", "sampled", "counter"],
    absent: "none",
    sums: { gpu_busy_counter_ns: "gpu_time_where_busy_counter" },
    amendable: true,
  },
} as const satisfies Readonly<Record<string, Field>>;

/** The largest value of each kind. Of two quantities of 2^52 a float64 still holds the sum exactly. */
export const LARGEST = { uint16: 2 ** 16 - 1, uint32: 2 ** 32 - 1, uint64: 2 ** 52 } as const;

type Fields = typeof FIELDS;
export type FieldName = keyof Fields;
export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];
export const fieldOf = (name: FieldName): Field => FIELDS[name];

/** Names of the fields that have all of these properties; `undefined` stands for a flag that is not there. */
export type FieldsWith<Properties> = {
  [N in FieldName]: Fields[N] extends Properties ? N : never;
}[FieldName];

type Properties = {
  readonly [P in keyof Flags | "kind"]?: P extends "kind"
    ? Field["kind"]
    : Flags[P & keyof Flags] | undefined;
};

/** In the order of the table. */
export function fieldsWith<const P extends Properties>(properties: P): FieldsWith<Optional<P>>[] {
  const wanted = Object.entries(properties);
  return FIELD_NAMES.filter((name) => {
    const field: Readonly<Record<string, unknown>> = { ...fieldOf(name) };
    return wanted.every(([property, value]) => field[property] === value);
  }) as FieldsWith<Optional<P>>[];
}

/** A property that has to be undefined may as well not be there. */
type Optional<P> = { readonly [N in keyof P as P[N] extends undefined ? never : N]: P[N] } & {
  readonly [N in keyof P as P[N] extends undefined ? N : never]?: undefined;
};

type NamesOfSums<F> = F extends { readonly sums: infer S } ? keyof S & string : never;
export type EventSum = { [N in FieldName]: NamesOfSums<Fields[N]> }[FieldName];

export interface SumOfEvents {
  readonly name: EventSum;
  readonly field: FieldName;
  readonly rule: SumRule;
}

/** The sums of an hour that events go into, in the order in which they are stored and hashed. */
export const EVENT_SUMS: readonly SumOfEvents[] = FIELD_NAMES.flatMap((field) =>
  Object.entries(fieldOf(field).sums ?? {}).map(([name, rule]) => ({ name: name as EventSum, field, rule })),
);

/** A whole GPU, or the part of one that `mig_profile` names; empty for a whole one. */
export type CardField = FieldsWith<{ readonly card: true }>;
export type Card = { readonly [name in CardField]: string };
export const CARD_FIELDS = fieldsWith({ card: true });

/** The card of something that has more fields. What is not there is empty. */
export const cardOf = (row: Partial<Card>): Card =>
  Object.fromEntries(CARD_FIELDS.map((name) => [name, row[name] ?? ""])) as Card;

/** What a card is called: its model, and of a part of one its profile too. */
export const cardNames = (card: Card): string[] =>
  CARD_FIELDS.map((name) => card[name]).filter((part) => part !== "");
export const cardText = (card: Card): string => cardNames(card).join(" ");
