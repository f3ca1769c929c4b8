// The event rows of a block, column by column in typed arrays laid out as ClickHouse's Native format sends them
// (little endian), so that sending is copying. Measured against row objects and JSONEachRow in bench/.
import { type EventRecord, isNull, NUMBERS, TEXTS } from "../event/record.ts";
import {
  ENUM_FIELDS,
  EVENT_DICTIONARIES,
  EVENT_TEXTS,
  NULLABLE_UINT32_FIELDS,
  NULLABLE_UINT64_FIELDS,
  TIME_FIELDS,
  UINT16_FIELDS,
  UINT32_FIELDS,
  UINT64_FIELDS,
} from "./columns.ts";
import { TextBuffer } from "./text-buffer.ts";

const numbersOf = (fields: readonly (keyof typeof NUMBERS)[]): Int32Array =>
  Int32Array.from(fields, (field) => NUMBERS[field]);
const UINT64 = numbersOf([...TIME_FIELDS, ...UINT64_FIELDS]);
const NULLABLE_UINT64 = numbersOf(NULLABLE_UINT64_FIELDS);
const UINT32 = numbersOf(UINT32_FIELDS);
const NULLABLE_UINT32 = numbersOf(NULLABLE_UINT32_FIELDS);
const UINT16 = numbersOf(UINT16_FIELDS);
const ENUMS = numbersOf(ENUM_FIELDS);
const TEXT_INDEX = Int32Array.from(EVENT_TEXTS, (field) => TEXTS[field]);
const TWO_32 = 4294967296;

const arrays = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

export class EventColumns {
  rows = 0;
  readonly capacity: number;
  readonly partition: Uint16Array;
  /** 64-bit columns hold two 32-bit words a row, low word first. */
  readonly offset: Uint32Array;
  readonly ingestedAt: Uint32Array;
  readonly hour: Uint32Array;
  /** Four 32-bit words a row. */
  readonly id: Int32Array;
  readonly payloadHash: Uint32Array;
  readonly home: Uint8Array;
  /** In the order TIME_FIELDS, UINT64_FIELDS. */
  readonly uint64: Uint32Array[];
  readonly nullableUint64: Uint32Array[];
  readonly nullsOfUint64: Uint8Array[];
  readonly uint32: Uint32Array[];
  readonly nullableUint32: Uint32Array[];
  readonly nullsOfUint32: Uint8Array[];
  readonly uint16: Uint16Array[];
  readonly enums: Uint8Array[];
  readonly dictionaries: Uint16Array[];
  readonly texts: TextBuffer[];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.partition = new Uint16Array(capacity);
    this.offset = new Uint32Array(capacity * 2);
    this.ingestedAt = new Uint32Array(capacity * 2);
    this.hour = new Uint32Array(capacity);
    this.id = new Int32Array(capacity * 4);
    this.payloadHash = new Uint32Array(capacity * 2);
    this.home = new Uint8Array(capacity);
    this.uint64 = arrays(UINT64.length, () => new Uint32Array(capacity * 2));
    this.nullableUint64 = arrays(NULLABLE_UINT64.length, () => new Uint32Array(capacity * 2));
    this.nullsOfUint64 = arrays(NULLABLE_UINT64.length, () => new Uint8Array(capacity));
    this.uint32 = arrays(UINT32.length, () => new Uint32Array(capacity));
    this.nullableUint32 = arrays(NULLABLE_UINT32.length, () => new Uint32Array(capacity));
    this.nullsOfUint32 = arrays(NULLABLE_UINT32.length, () => new Uint8Array(capacity));
    this.uint16 = arrays(UINT16.length, () => new Uint16Array(capacity));
    this.enums = arrays(ENUMS.length, () => new Uint8Array(capacity));
    this.dictionaries = arrays(EVENT_DICTIONARIES.length, () => new Uint16Array(capacity));
    this.texts = arrays(EVENT_TEXTS.length, () => new TextBuffer(capacity * 40));
  }

  clear(): void {
    this.rows = 0;
    for (const text of this.texts) text.clear();
  }

  /**
   * Appends one row. `hour` in hours since the epoch, `ingestedAtMs` in milliseconds, `home` 1 on an event's last
   * slice, `positions` the dictionary positions in the order of EVENT_DICTIONARIES.
   */
  append(
    event: EventRecord,
    positions: Uint16Array,
    partition: number,
    offset: number,
    ingestedAtMs: number,
    hour: number,
    home: number,
    hashLow: number,
    hashHigh: number,
  ): void {
    const row = this.rows++;
    const pair = row * 2;
    this.partition[row] = partition;
    this.offset[pair] = offset;
    this.offset[pair + 1] = offset / TWO_32;
    this.ingestedAt[pair] = ingestedAtMs;
    this.ingestedAt[pair + 1] = ingestedAtMs / TWO_32;
    this.hour[row] = hour * 3600;
    this.home[row] = home;
    this.payloadHash[pair] = hashLow;
    this.payloadHash[pair + 1] = hashHigh;
    for (let i = 0; i < 4; i++) this.id[row * 4 + i] = event.view.getInt32(event.id + i * 4, true);
    for (let i = 0; i < positions.length; i++) {
      (this.dictionaries[i] as Uint16Array)[row] = positions[i] as number;
    }
    for (let i = 0; i < TEXT_INDEX.length; i++) {
      const text = TEXT_INDEX[i] as number;
      (this.texts[i] as TextBuffer).append(
        event.bytes,
        event.starts[text] as number,
        event.lengths[text] as number,
      );
    }
    this.appendNumbers(event.numbers, row);
  }

  private appendNumbers(numbers: Float64Array, row: number): void {
    const pair = row * 2;
    for (let i = 0; i < UINT64.length; i++) {
      const value = numbers[UINT64[i] as number] as number;
      const column = this.uint64[i] as Uint32Array;
      column[pair] = value;
      column[pair + 1] = value / TWO_32;
    }
    for (let i = 0; i < NULLABLE_UINT64.length; i++) {
      const value = numbers[NULLABLE_UINT64[i] as number] as number;
      const column = this.nullableUint64[i] as Uint32Array;
      column[pair] = value;
      column[pair + 1] = value / TWO_32;
      (this.nullsOfUint64[i] as Uint8Array)[row] = isNull(value) ? 1 : 0;
    }
    for (let i = 0; i < NULLABLE_UINT32.length; i++) {
      const value = numbers[NULLABLE_UINT32[i] as number] as number;
      (this.nullableUint32[i] as Uint32Array)[row] = value;
      (this.nullsOfUint32[i] as Uint8Array)[row] = isNull(value) ? 1 : 0;
    }
    for (let i = 0; i < UINT32.length; i++) {
      (this.uint32[i] as Uint32Array)[row] = numbers[UINT32[i] as number] as number;
    }
    for (let i = 0; i < UINT16.length; i++) {
      (this.uint16[i] as Uint16Array)[row] = numbers[UINT16[i] as number] as number;
    }
    for (let i = 0; i < ENUMS.length; i++) {
      (this.enums[i] as Uint8Array)[row] = (numbers[ENUMS[i] as number] as number) + 1;
    }
  }
}
