// The columns of usage_log, in the order in which a block sends them, and how each is kept while a block is filled.
import {
  FIELD_NAMES,
  type FIELDS,
  type Field,
  type FieldName,
  fieldOf,
  fieldsWith,
} from "../event/fields.ts";
import type { EnumField, TextField } from "../event/record.ts";

export type ColumnKind =
  | { readonly kind: "enum8"; readonly first: 0 | 1; readonly symbols: readonly string[] }
  | { readonly kind: "uint8" | "uint16" | "uint32" | "uint64" | "date" | "datetime" }
  | { readonly kind: "datetime64"; readonly digits: 3 | 6 }
  | { readonly kind: "nullable_uint32" | "nullable_uint64" }
  | { readonly kind: "fixed16" | "text" | "dictionary" | "numbers" };

/** `first` is the value of the first symbol; 0 is kept for "no value". */
const enum8 = (first: 0 | 1, ...symbols: string[]) => ({ kind: "enum8", first, symbols }) as const;
const UINT64 = { kind: "uint64" } as const;
const DICTIONARY = { kind: "dictionary" } as const;
const TEXT = { kind: "text" } as const;

type Fields = typeof FIELDS;
type Column<K> = K extends "enum8"
  ? { readonly kind: "enum8"; readonly first: 0 | 1; readonly symbols: readonly string[] }
  : K extends "datetime64"
    ? { readonly kind: "datetime64"; readonly digits: 3 | 6 }
    : { readonly kind: K };
type KindOf<F> = F extends { readonly kind: "id" }
  ? "fixed16"
  : F extends { readonly kind: "enum" }
    ? "enum8"
    : F extends { readonly kind: "time" }
      ? "datetime64"
      : F extends { readonly kind: infer K extends "uint32" | "uint64"; readonly nullable: true }
        ? `nullable_${K}`
        : F extends { readonly kind: infer K }
          ? K
          : never;

function columnOf(field: Field): ColumnKind {
  switch (field.kind) {
    case "id":
      return { kind: "fixed16" };
    case "time":
      return { kind: "datetime64", digits: 6 };
    case "enum":
      return enum8(0, field.absent, ...field.symbols);
    case "uint32":
    case "uint64":
      return { kind: field.nullable ? `nullable_${field.kind}` : field.kind };
    default:
      return { kind: field.kind };
  }
}

const { event_id, ...EVENT_COLUMNS } = Object.fromEntries(
  FIELD_NAMES.map((name) => [name, columnOf(fieldOf(name))]),
) as {
  readonly [N in FieldName]: Column<KindOf<Fields[N]>>;
};

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
  event_id,
  payload_hash: UINT64,
  payload_hash_high: UINT64,
  home: { kind: "uint8" },
  ...EVENT_COLUMNS,
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
  /** Of 32 bits, from the lowest on: two of payload_hash, two of payload_hash_high. */
  readonly payload_hash_words?: readonly [number, number, number, number];
  readonly numbers?: readonly bigint[];
};

export const EVENT_DICTIONARIES: readonly (DictionaryColumn & TextField)[] = fieldsWith({
  kind: "dictionary",
});
export const EVENT_TEXTS: readonly (TextColumn & TextField)[] = fieldsWith({ kind: "text" });

const whole = <K extends "uint32" | "uint64">(kind: K) => fieldsWith({ kind, nullable: undefined });
const nullableWhole = <K extends "uint32" | "uint64">(kind: K) => fieldsWith({ kind, nullable: true });
export const UINT64_FIELDS = whole("uint64");
export const NULLABLE_UINT64_FIELDS = nullableWhole("uint64");
export const UINT32_FIELDS = whole("uint32");
export const NULLABLE_UINT32_FIELDS = nullableWhole("uint32");
export const UINT16_FIELDS = fieldsWith({ kind: "uint16" });
export const TIME_FIELDS = fieldsWith({ kind: "time" });
export const ENUM_FIELDS = fieldsWith({ kind: "enum" });
