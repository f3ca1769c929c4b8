// A block as plain rows: what native.ts sends, said value by value and without its encoding.
import type { Block } from "../../../services/domain/block/block.ts";
import {
  COLUMN_NAMES,
  COLUMNS,
  type ColumnName,
  ENUM_FIELDS,
  EVENT_DICTIONARIES,
  EVENT_TEXTS,
  NULLABLE_UINT32_FIELDS,
  NULLABLE_UINT64_FIELDS,
  type Row,
  TIME_FIELDS,
  UINT16_FIELDS,
  UINT32_FIELDS,
  UINT64_FIELDS,
} from "../../../services/domain/block/columns.ts";

/**
 * Enums are their symbols, integers of 64 bits and times in fractions of a second bigints, other integers numbers, ids hex,
 * texts of dictionaries strings, other texts bytes.
 */
export type PlainValue = string | number | bigint | null | Uint8Array | readonly bigint[];
export type PlainRow = Readonly<Record<ColumnName, PlainValue>>;

type Typed = Uint8Array | Uint16Array | Uint32Array | Int32Array;

/** The block's rows in the order in which they are sent. @throws RangeError if the block holds more than it has room for */
export function plainRows(block: Block, rows: readonly Row[], ingestDay: number): PlainRow[] {
  const { events } = block;
  events.flush();
  if (events.rows > events.capacity) throw new RangeError(`${events.rows} event rows in ${events.capacity}`);
  const columns = COLUMN_NAMES.map((name) => {
    const texts = COLUMNS[name].kind === "dictionary" ? dictionaryTexts(block, name) : [];
    const values = [...eventValues(name, block, texts), ...rows.map((row) => otherValue(name, texts, row))];
    return [name, values] as const;
  });
  return Array.from({ length: events.rows + rows.length }, (_, row) => ({
    ...(Object.fromEntries(columns.map(([name, values]) => [name, values[row]])) as PlainRow),
    ingest_day: ingestDay,
  }));
}

function eventValues(name: ColumnName, block: Block, texts: readonly string[]): PlainValue[] {
  const { events } = block;
  const each = (value: (row: number) => PlainValue): PlainValue[] =>
    Array.from({ length: events.rows }, (_, row) => value(row));
  const { kind } = COLUMNS[name];
  switch (kind) {
    case "dictionary": {
      const positions = events.dictionaries[indexIn(EVENT_DICTIONARIES, name)];
      return each((row) => texts[positions?.[row] ?? 0] as string);
    }
    case "text": {
      const values = prefixedTexts(events.texts[indexIn(EVENT_TEXTS, name)]?.bytes ?? new Uint8Array(0));
      return each((row) => values[row] ?? new Uint8Array(0));
    }
    case "numbers":
      return each(() => []);
    case "fixed16":
      return each((row) => hex(new Uint8Array(events.id.buffer, row * 16, 16)));
    case "nullable_uint64": {
      const field = indexIn(NULLABLE_UINT64_FIELDS, name);
      const nulls = events.nullsOfUint64[field] as Uint8Array;
      const values = events.nullableUint64[field] as Uint32Array;
      return each((row) => (nulls[row] === 1 ? null : wide(values, row)));
    }
    case "nullable_uint32": {
      const field = indexIn(NULLABLE_UINT32_FIELDS, name);
      const nulls = events.nullsOfUint32[field] as Uint8Array;
      const values = events.nullableUint32[field] as Uint32Array;
      return each((row) => (nulls[row] === 1 ? null : (values[row] as number)));
    }
    case "enum8": {
      const values = events.enums[indexIn(ENUM_FIELDS, name)];
      return each((row) => symbol(name, values?.[row] ?? 1));
    }
    case "uint64":
    case "datetime64": {
      const values = wideColumns(block).get(name) as Uint32Array;
      return each((row) => wide(values, row));
    }
    default: {
      const values = narrowColumns(block).get(name);
      return each((row) => values?.[row] ?? 0);
    }
  }
}

function wideColumns({ events }: Block): Map<string, Uint32Array | undefined> {
  return new Map([
    ["kafka_offset", events.offset],
    ["ingested_at", events.ingestedAt],
    ["payload_hash", events.payloadHash],
    ["payload_hash_high", events.payloadHashHigh],
    ...[...TIME_FIELDS, ...UINT64_FIELDS].map((field, i) => [field, events.uint64[i]] as const),
  ]);
}

function narrowColumns({ events }: Block): Map<string, Typed | undefined> {
  return new Map<string, Typed | undefined>([
    ["kafka_partition", events.partition],
    ["hour", events.hour],
    ["home", events.home],
    ...UINT32_FIELDS.map((field, i) => [field, events.uint32[i]] as const),
    ...UINT16_FIELDS.map((field, i) => [field, events.uint16[i]] as const),
  ]);
}

function otherValue(name: ColumnName, texts: readonly string[], row: Row): PlainValue {
  const { kind } = COLUMNS[name];
  if (name === "kind") return row.kind;
  if (name === "payload_hash" || name === "payload_hash_high") {
    const [low = 0, high = 0] = row.payload_hash_words?.slice(name === "payload_hash" ? 0 : 2) ?? [];
    return BigInt(low) | (BigInt(high) << 32n);
  }
  switch (kind) {
    case "dictionary":
      return texts[row[name as "tenant_id"] ?? 0] as string;
    case "text":
      return row[name as "raw"] ?? new Uint8Array(0);
    case "numbers":
      return row.numbers ?? [];
    case "fixed16":
      return hex(row.event_id ?? new Uint8Array(16));
    case "enum8":
      return symbol(name, row[name as "sharing"] ?? 0);
    case "nullable_uint32":
      return row[name as "energy_uj"] ?? null;
    case "nullable_uint64": {
      const value = row[name as "energy_uj"];
      return value === undefined ? null : BigInt(value);
    }
    case "uint64":
    case "datetime64":
      return BigInt(row[name as "kafka_offset"] ?? 0);
    default:
      return row[name as "hour"] ?? 0;
  }
}

function symbol(name: ColumnName, value: number): string {
  const column = COLUMNS[name];
  if (column.kind !== "enum8") throw new Error(`${name} is no enum`);
  const text = column.symbols[value - column.first];
  if (text === undefined) throw new RangeError(`${name} has no symbol for ${value}`);
  return text;
}

const indexIn = (names: readonly string[], name: string): number => names.indexOf(name);

const wide = (words: Uint32Array, row: number): bigint =>
  BigInt(words[row * 2] as number) | (BigInt(words[row * 2 + 1] as number) << 32n);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const dictionaryTexts = (block: Block, name: ColumnName): string[] =>
  prefixedTexts(block.dictionary(name as "tenant_id").keys).map((text) => decoder.decode(text));

/** Texts one after the other, each with its length as a varint before it; copied. */
function prefixedTexts(bytes: Uint8Array): Uint8Array[] {
  const texts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      length += (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    texts.push(bytes.slice(at, at + length));
    at += length;
  }
  return texts;
}
