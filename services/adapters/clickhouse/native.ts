// Writes a Block in ClickHouse's Native format (one block: counts of columns and rows, then each column with its name and
// type). Event columns are sent as they lie in memory; only the few other rows are written value by value.
// LowCardinality: version 1 (shared dictionaries with additional keys), then index type and flags, keys, positions.
import type { Block } from "../../domain/block/block.ts";
import {
  COLUMN_NAMES,
  COLUMNS,
  type ColumnKind,
  type ColumnName,
  type DictionaryColumn,
  ENUM_FIELDS,
  EVENT_DICTIONARIES,
  EVENT_TEXTS,
  KINDS,
  NULLABLE_UINT32_FIELDS,
  NULLABLE_UINT64_FIELDS,
  type Row,
  TIME_FIELDS,
  UINT16_FIELDS,
  UINT32_FIELDS,
  UINT64_FIELDS,
} from "../../domain/block/columns.ts";

const DICTIONARY_VERSION = 1n;
/** UInt16 positions, keys follow, and they replace any dictionary before. */
const DICTIONARY_FLAGS = 1n | (1n << 9n) | (1n << 10n);

type Piece = Uint8Array;
type Typed = Uint8Array | Uint16Array | Uint32Array | Int32Array;

export interface BlockStamp {
  /** Days since the Unix epoch on which the block is written: its ClickHouse partition. */
  readonly ingestDay: number;
}

/** The block's bytes in pieces, many of them views of the block: send them before the block is filled anew. */
export function encodeNative(block: Block, rows: readonly Row[], stamp: BlockStamp): Piece[] {
  block.events.flush();
  const total = block.events.rows + rows.length;
  const pieces: Piece[] = [Buffer.concat([varint(COLUMN_NAMES.length), varint(total)])];
  for (const name of COLUMN_NAMES) {
    pieces.push(Buffer.concat([text(name), text(sqlType(COLUMNS[name]))]));
    if (total > 0) pieces.push(...column(name, block, rows, stamp));
  }
  return pieces;
}

/** The type of a column as ClickHouse names it; also what `input('…')` of the insert is made of. */
export function sqlType(column: ColumnKind): string {
  switch (column.kind) {
    case "enum8":
      return `Enum8(${column.symbols.map((symbol, i) => `'${symbol}' = ${i + column.first}`).join(", ")})`;
    case "datetime64":
      return `DateTime64(${column.digits}, 'UTC')`;
    default:
      return SQL_TYPES[column.kind];
  }
}

const SQL_TYPES = {
  uint8: "UInt8",
  uint16: "UInt16",
  uint32: "UInt32",
  uint64: "UInt64",
  date: "Date",
  datetime: "DateTime('UTC')",
  nullable_uint32: "Nullable(UInt32)",
  nullable_uint64: "Nullable(UInt64)",
  fixed16: "FixedString(16)",
  text: "String",
  dictionary: "LowCardinality(String)",
  numbers: "Array(UInt128)",
} as const;

function column(name: ColumnName, block: Block, rows: readonly Row[], stamp: BlockStamp): Piece[] {
  const { kind } = COLUMNS[name];
  switch (kind) {
    case "dictionary":
      return dictionaryColumn(name as DictionaryColumn, block, rows);
    case "text":
      return [eventTexts(name, block), ...rows.map((row) => prefixed(row[name as "raw"]))];
    case "numbers":
      return numbersColumn(block, rows);
    case "fixed16":
      return [
        view(block.events.id, block.events.rows * 4),
        ...rows.map((row) => row.event_id ?? ZEROS.subarray(0, 16)),
      ];
    case "nullable_uint64":
    case "nullable_uint32":
      return nullableColumn(name, block, rows, kind === "nullable_uint64" ? 8 : 4);
    default:
      return [eventWhole(name, block, stamp), otherWhole(name, rows, width(kind), stamp)];
  }
}

const WIDTHS = {
  enum8: 1,
  uint8: 1,
  uint16: 2,
  date: 2,
  uint32: 4,
  datetime: 4,
  uint64: 8,
  datetime64: 8,
} as const;
const width = (kind: keyof typeof WIDTHS): number => WIDTHS[kind];

/** The event rows' part of a column of whole numbers. */
function eventWhole(name: ColumnName, block: Block, stamp: BlockStamp): Piece {
  const { events } = block;
  const n = events.rows;
  switch (name) {
    case "kind":
      return Buffer.alloc(n, 1);
    case "ingest_day":
      return view(new Uint16Array(n).fill(stamp.ingestDay), n);
    case "kafka_partition":
      return view(events.partition, n);
    case "kafka_offset":
      return view(events.offset, n * 2);
    case "ingested_at":
      return view(events.ingestedAt, n * 2);
    case "hour":
      return view(events.hour, n);
    case "payload_hash":
      return view(events.payloadHash, n * 2);
    case "payload_hash_high":
      return view(events.payloadHashHigh, n * 2);
    case "home":
      return view(events.home, n);
  }
  const [column, words] = EVENT_WHOLES.get(name)?.(block) ?? [undefined, 0];
  if (column === undefined) throw new Error(`no event column ${name}`);
  return view(column, n * words);
}

/** The array of an event column and its elements a row. */
type EventColumn = (block: Block) => [Typed | undefined, number];

const eventColumns = (
  names: readonly string[],
  column: (i: number) => EventColumn,
): [string, EventColumn][] => names.map((name, i) => [name, column(i)]);

const EVENT_WHOLES = new Map<string, EventColumn>([
  ...eventColumns([...TIME_FIELDS, ...UINT64_FIELDS], (i) => (block) => [block.events.uint64[i], 2]),
  ...eventColumns(UINT32_FIELDS, (i) => (block) => [block.events.uint32[i], 1]),
  ...eventColumns(UINT16_FIELDS, (i) => (block) => [block.events.uint16[i], 1]),
  ...eventColumns(ENUM_FIELDS, (i) => (block) => [block.events.enums[i], 1]),
]);

function otherWhole(name: ColumnName, rows: readonly Row[], bytes: number, stamp: BlockStamp): Piece {
  const piece = Buffer.alloc(rows.length * bytes);
  for (const [i, row] of rows.entries()) {
    if (name === "payload_hash" || name === "payload_hash_high") {
      const [low = 0, high = 0] = row.payload_hash_words?.slice(name === "payload_hash" ? 0 : 2) ?? [];
      piece.writeUInt32LE(low, i * 8);
      piece.writeUInt32LE(high, i * 8 + 4);
    } else {
      const value =
        name === "kind"
          ? KINDS.indexOf(row.kind) + 1
          : name === "ingest_day"
            ? stamp.ingestDay
            : row[name as "hour"];
      writeWhole(piece, i * bytes, value ?? 0, bytes);
    }
  }
  return piece;
}

function writeWhole(piece: Buffer, at: number, value: number, bytes: number): void {
  if (bytes === 8) piece.writeBigUInt64LE(BigInt(value), at);
  else piece.writeUIntLE(value, at, bytes);
}

function nullableColumn(name: ColumnName, block: Block, rows: readonly Row[], bytes: 4 | 8): Piece[] {
  const { events } = block;
  const n = events.rows;
  const wide = bytes === 8;
  const field = wide
    ? NULLABLE_UINT64_FIELDS.indexOf(name as (typeof NULLABLE_UINT64_FIELDS)[number])
    : NULLABLE_UINT32_FIELDS.indexOf(name as (typeof NULLABLE_UINT32_FIELDS)[number]);
  const nulls = wide ? events.nullsOfUint64[field] : events.nullsOfUint32[field];
  const values = wide ? events.nullableUint64[field] : events.nullableUint32[field];
  if (nulls === undefined || values === undefined) throw new Error(`no nullable event column ${name}`);
  const otherNulls = Uint8Array.from(rows, (row) => (row[name as "energy_uj"] === undefined ? 1 : 0));
  return [
    view(nulls, n),
    otherNulls,
    view(values, wide ? n * 2 : n),
    otherWhole(name, rows, bytes, { ingestDay: 0 }),
  ];
}

function dictionaryColumn(name: DictionaryColumn, block: Block, rows: readonly Row[]): Piece[] {
  const dictionary = block.dictionary(name);
  const total = block.events.rows + rows.length;
  const header = Buffer.alloc(24);
  header.writeBigUInt64LE(DICTIONARY_VERSION, 0);
  header.writeBigUInt64LE(DICTIONARY_FLAGS, 8);
  header.writeBigUInt64LE(BigInt(dictionary.size), 16);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(total), 0);
  const field = EVENT_DICTIONARIES.indexOf(name as (typeof EVENT_DICTIONARIES)[number]);
  const positions =
    field < 0 ? new Uint16Array(block.events.rows) : (block.events.dictionaries[field] as Uint16Array);
  const others = Uint16Array.from(rows, (row) => row[name] ?? 0);
  return [header, dictionary.keys, count, view(positions, block.events.rows), view(others, others.length)];
}

function eventTexts(name: ColumnName, block: Block): Piece {
  const field = EVENT_TEXTS.indexOf(name as (typeof EVENT_TEXTS)[number]);
  return field < 0 ? zeros(block.events.rows) : (block.events.texts[field]?.bytes ?? ZEROS.subarray(0, 0));
}

function numbersColumn(block: Block, rows: readonly Row[]): Piece[] {
  const ends = Buffer.alloc(rows.length * 8);
  let end = 0;
  for (const [i, row] of rows.entries()) {
    end += row.numbers?.length ?? 0;
    ends.writeBigUInt64LE(BigInt(end), i * 8);
  }
  const values = Buffer.alloc(end * 16);
  let at = 0;
  for (const value of rows.flatMap((row) => row.numbers ?? [])) {
    values.writeBigUInt64LE(value & 0xffff_ffff_ffff_ffffn, at);
    values.writeBigUInt64LE(value >> 64n, at + 8);
    at += 16;
  }
  return [zeros(block.events.rows * 8), ends, values];
}

let ZEROS: Uint8Array = new Uint8Array(1 << 16);

function zeros(length: number): Piece {
  if (length > ZEROS.length) ZEROS = new Uint8Array(length);
  return ZEROS.subarray(0, length);
}

const view = (typed: Typed, length: number): Piece =>
  new Uint8Array(typed.buffer, typed.byteOffset, length * typed.BYTES_PER_ELEMENT);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

const text = (value: string): Buffer => prefixed(Buffer.from(value));

const prefixed = (value: Uint8Array | undefined): Buffer =>
  value === undefined ? Buffer.alloc(1) : Buffer.concat([varint(value.length), value]);
