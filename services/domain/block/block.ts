// One batch on its way to ClickHouse: event rows in columns, all other rows as objects, the dictionaries they share, and
// the account of each Kafka partition in it. Everything of a block becomes visible together or not at all.

import type { Fault, RejectCode } from "../event/codes.ts";
import type { HashKey } from "../event/keyed-hash.ts";
import { type EventRecord, NUMBERS, TEXTS } from "../event/record.ts";
import { TEXT_BYTES_MAX } from "../event/validate.ts";
import type { HourIndex } from "../time/hour.ts";
import { type WindowCount, WindowSums } from "../window/sums.ts";
import { COLUMNS, type ColumnName, type DictionaryColumn, EVENT_DICTIONARIES, type Row } from "./columns.ts";
import { DICTIONARY_MAX, Dictionary, EMPTY_TEXT, INVALID_TEXT } from "./dictionary.ts";
import { EventColumns } from "./event-columns.ts";
import { EventKeys, windowKey } from "./event-keys.ts";
import type { SliceRef } from "./slice-ref.ts";

/** The account of one Kafka partition in a block: received = counted + duplicates + conflicts + rejected. */
export interface PartitionBatch {
  readonly partition: number;
  /** First offset of the batch: one past the batch before, even where Kafka left a gap. */
  readonly firstOffset: number;
  lastOffset: number;
  /** Append time of the last record, milliseconds. */
  ingestedAtMs: number;
  received: number;
  counted: number;
  duplicates: number;
  conflicts: number;
  rejected: number;
  /** Offsets that Kafka no longer had, of an accepted gap. Nothing was received of them. */
  lost: number;
  /** Of those received, in another partition than their key's. */
  misplaced: number;
}

export interface BlockLimits {
  /** Rows at which a block is sealed. */
  readonly block_rows_max: number;
  /** Bytes of raw rejects and texts at which it is sealed. */
  readonly block_bytes_max: number;
}

/** A block is sealed before its positions run out: one record may still add a few. */
const DICTIONARY_FULL = DICTIONARY_MAX - 8;
/** Slices of one event: 24 hours and both ends. */
const SLICES_MAX = 26;

const INDEX = Object.fromEntries(EVENT_DICTIONARIES.map((name, i) => [name, i])) as Record<
  (typeof EVENT_DICTIONARIES)[number],
  number
>;
const TEXT_OF = Int32Array.from(EVENT_DICTIONARIES, (name) => TEXTS[name]);

export class Block {
  readonly events: EventColumns;
  readonly rows: Row[] = [];
  readonly windows: WindowSums;
  readonly dictionaries = new Map<DictionaryColumn, Dictionary>();
  readonly partitions = new Map<number, PartitionBatch>();
  /** Rows of rejects by their code. */
  readonly rejects = new Map<RejectCode, number>();
  private readonly keys = new EventKeys();
  private readonly voidKey = windowKey();
  private readonly eventDictionaries: Dictionary[];
  private readonly limits: BlockLimits;
  private bytes = 0;
  private reservedRows = 0;
  private dictionaryIsFull = false;

  /** @param key secret of its hash tables, whose keys are other people's texts */
  constructor(limits: BlockLimits, key: HashKey) {
    this.limits = limits;
    this.windows = new WindowSums(key);
    this.events = new EventColumns(limits.block_rows_max + SLICES_MAX);
    for (const name of Object.keys(COLUMNS) as ColumnName[]) {
      if (COLUMNS[name].kind === "dictionary")
        this.dictionaries.set(name as DictionaryColumn, new Dictionary(key));
    }
    this.eventDictionaries = EVENT_DICTIONARIES.map((name) => this.dictionary(name));
  }

  clear(): void {
    this.events.clear();
    this.rows.length = 0;
    this.windows.clear();
    this.partitions.clear();
    this.rejects.clear();
    this.bytes = 0;
    this.reservedRows = 0;
    this.dictionaryIsFull = false;
    for (const dictionary of this.dictionaries.values()) dictionary.clear();
  }

  get isEmpty(): boolean {
    return this.partitions.size === 0;
  }

  get isFull(): boolean {
    return (
      this.events.rows + this.rows.length + this.windows.size + this.reservedRows >=
        this.limits.block_rows_max ||
      this.bytes >= this.limits.block_bytes_max ||
      this.dictionaryIsFull
    );
  }

  dictionary(name: DictionaryColumn): Dictionary {
    return this.dictionaries.get(name) as Dictionary;
  }

  /** The account of a partition, opened at `expected`, the offset after its last batch. */
  partition(partition: number, expected: number): PartitionBatch {
    let batch = this.partitions.get(partition);
    if (batch === undefined) {
      const counts = {
        received: 0,
        counted: 0,
        duplicates: 0,
        conflicts: 0,
        rejected: 0,
        lost: 0,
        misplaced: 0,
      };
      batch = { partition, firstOffset: expected, lastOffset: expected - 1, ingestedAtMs: 0, ...counts };
      this.partitions.set(partition, batch);
    }
    return batch;
  }

  /**
   * Puts the event's texts into the dictionaries. Returns what its rows are filed under, valid until the next call; or a
   * fault, if a text is not clean UTF-8.
   */
  intern(event: EventRecord): EventKeys | Fault {
    const { keys } = this;
    const { positions, window } = keys;
    for (let i = 0; i < TEXT_OF.length; i++) {
      const text = TEXT_OF[i] as number;
      if ((event.lengths[text] as number) > TEXT_BYTES_MAX) {
        return { code: "EVENT_TEXT_LENGTH", detail: `${EVENT_DICTIONARIES[i]}` };
      }
      const position = (this.eventDictionaries[i] as Dictionary).intern(
        event.bytes,
        event.view,
        event.starts[text] as number,
        event.lengths[text] as number,
      );
      if (position > DICTIONARY_FULL) this.dictionaryIsFull = true;
      if (position === INVALID_TEXT)
        return { code: "EVENT_TEXT_INVALID", detail: `${EVENT_DICTIONARIES[i]}` };
      positions[i] = position;
    }
    window.tenant = positions[INDEX.tenant_id] as number;
    window.project = positions[INDEX.project_id] as number;
    window.model = positions[INDEX.model] as number;
    window.gpuModel = positions[INDEX.gpu_model] as number;
    window.sharing = (event.numbers[NUMBERS.sharing] as number) + 1;
    window.phase = (event.numbers[NUMBERS.phase] as number) + 1;
    window.outcome = (event.numbers[NUMBERS.outcome] as number) + 1;
    return keys;
  }

  /** Adds one row: a whole event, or its slice of one hour, to which the event's numbers have been cut. */
  addEvent(event: EventRecord, keys: EventKeys, slice: SliceRef): void {
    this.windows.addEvent(this.windowOf(keys, slice.hour), event, slice.isLastSlice ? 1 : 0);
    this.events.append(event, keys.positions, slice);
  }

  /** Counts a duplicate, conflict or reject in the event's window of that hour. */
  count(keys: EventKeys, hour: HourIndex, count: WindowCount): void {
    this.windows.addCount(this.windowOf(keys, hour), count);
  }

  /** A void knows its event's hour from the id, but neither tenant nor model. */
  countVoid(hour: HourIndex): void {
    this.voidKey.hour = hour;
    this.windows.addCount(this.windows.find(this.voidKey), "voids");
  }

  /** Keeps room for a late record, which gets its rows when the block is sealed. */
  reserve(rows: number, bytes: number): void {
    this.reservedRows += rows;
    this.bytes += bytes;
  }

  addRow(row: Row, bytes: number): void {
    this.rows.push(row);
    this.bytes += bytes;
  }

  /** A text's position in a dictionary; texts that are not clean are stored as empty. */
  position(column: DictionaryColumn, bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const position = this.dictionary(column).intern(bytes, view, 0, bytes.length);
    if (position > DICTIONARY_FULL) this.dictionaryIsFull = true;
    return Math.max(EMPTY_TEXT, position);
  }

  private windowOf({ window }: EventKeys, hour: HourIndex): number {
    window.hour = hour;
    return this.windows.find(window);
  }
}
