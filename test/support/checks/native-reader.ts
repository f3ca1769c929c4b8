// ClickHouse's Native format read from its description alone, so that what writes it is held to something else than itself.
// https://clickhouse.com/docs/interfaces/formats/Native: blocks of columns, each with its name, its type and its values.

export type NativeValue = string | number | bigint | null | Buffer | readonly bigint[];
export interface NativeColumn {
  readonly name: string;
  readonly type: string;
  readonly values: readonly NativeValue[];
}

class Cursor {
  at = 0;
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new RangeError(`cut at ${this.at}`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.take(1).readUInt8();
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  }

  text(): Buffer {
    return Buffer.from(this.take(this.varint()));
  }
}

/** The columns of one block. @throws RangeError if it is cut or followed by something */
export function readNative(bytes: Buffer): NativeColumn[] {
  const cursor = new Cursor(bytes);
  const count = cursor.varint();
  const rows = cursor.varint();
  const columns = Array.from({ length: count }, () => {
    const name = cursor.text().toString();
    const type = cursor.text().toString();
    return { name, type, values: rows === 0 ? [] : valuesOf(type, cursor, rows) };
  });
  if (cursor.at !== bytes.length) throw new RangeError(`${bytes.length - cursor.at} bytes are left over`);
  return columns;
}

function valuesOf(type: string, cursor: Cursor, rows: number): NativeValue[] {
  const [, outer = type, inner = ""] = /^(\w+)\((.*)\)$/s.exec(type) ?? [];
  const each = <T>(read: () => T): T[] => Array.from({ length: rows }, read);
  switch (outer) {
    case "UInt8":
      return each(() => cursor.take(1).readUInt8());
    case "UInt16":
    case "Date":
      return each(() => cursor.take(2).readUInt16LE());
    case "UInt32":
    case "DateTime":
      return each(() => cursor.take(4).readUInt32LE());
    case "UInt64":
      return each(() => cursor.take(8).readBigUInt64LE());
    case "DateTime64":
      return each(() => cursor.take(8).readBigInt64LE());
    case "UInt128":
      return each(() => cursor.take(8).readBigUInt64LE() + (cursor.take(8).readBigUInt64LE() << 64n));
    case "String":
      return each(() => cursor.text());
    case "FixedString":
      return each(() => Buffer.from(cursor.take(Number(inner))));
    case "Enum8":
      return enums(
        inner,
        each(() => cursor.take(1).readInt8()),
      );
    case "Nullable": {
      const isNull = each(() => cursor.take(1).readUInt8());
      return valuesOf(inner, cursor, rows).map((value, row) => (isNull[row] === 0 ? value : null));
    }
    case "Array":
      return arrays(
        inner,
        cursor,
        each(() => Number(cursor.take(8).readBigUInt64LE())),
      );
    case "LowCardinality":
      return lowCardinality(inner, cursor, rows);
    default:
      throw new Error(`no reader for ${type}`);
  }
}

function enums(symbols: string, values: readonly number[]): string[] {
  const names = new Map(
    [...symbols.matchAll(/'([^']*)' = (-?\d+)/g)].map(([, name, value]) => [Number(value), name]),
  );
  return values.map((value) => {
    const name = names.get(value);
    if (name === undefined) throw new RangeError(`${value} is not in ${symbols}`);
    return name;
  });
}

/** Where each array ends in the elements, then the elements of all. */
function arrays(inner: string, cursor: Cursor, ends: readonly number[]): (readonly bigint[])[] {
  const elements = valuesOf(inner, cursor, ends.at(-1) ?? 0) as bigint[];
  return ends.map((end, row) => elements.slice(ends[row - 1] ?? 0, end));
}

const SHARED_DICTIONARIES = 1n;
const WIDTHS = [1, 2, 4, 8];
const HAS_ADDITIONAL_KEYS = 1n << 9n;
const NEEDS_NEW_DICTIONARY = 1n << 10n;

function lowCardinality(inner: string, cursor: Cursor, rows: number): NativeValue[] {
  if (cursor.take(8).readBigUInt64LE() !== SHARED_DICTIONARIES)
    throw new Error("unknown serialization of keys");
  const flags = cursor.take(8).readBigUInt64LE();
  if ((flags & HAS_ADDITIONAL_KEYS) === 0n || (flags & NEEDS_NEW_DICTIONARY) === 0n)
    throw new Error("no keys of its own");
  const width = WIDTHS[Number(flags & 0xffn)] ?? 0;
  const keys = valuesOf(inner, cursor, Number(cursor.take(8).readBigUInt64LE()));
  if (Number(cursor.take(8).readBigUInt64LE()) !== rows)
    throw new Error("another number of positions than of rows");
  return Array.from({ length: rows }, () => {
    const position = cursor.take(width).readUIntLE(0, width);
    const key = keys[position];
    if (key === undefined) throw new RangeError(`position ${position} of ${keys.length} keys`);
    return key;
  });
}
