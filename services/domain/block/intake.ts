// One record's way into a block: read, validate, deduplicate, split over hours, count. Pure: the Avro reader comes as an
// argument, the clock is the broker's append time, and what memory cannot answer is set aside for a look-up.

import { type DedupeMemory, ID_SPACES, type IdSpace } from "../dedupe/memory.ts";
import { CONFLICT, DUPLICATE, NEW } from "../dedupe/table.ts";
import type { RejectCode } from "../event/codes.ts";
import { ID_BYTES, idHour, sameBytes } from "../event/id.ts";
import { hash, hashPayload } from "../event/payload-hash.ts";
import type { RecordReader } from "../event/reader.ts";
import { EventRecord, NUMBERS } from "../event/record.ts";
import { type AcceptedAge, type Fault, validateEvent } from "../event/validate.ts";
import { firstHour, lastHour } from "../window/split.ts";
import type { Block, PartitionBatch } from "./block.ts";
import type { Row } from "./columns.ts";
import { addEventSlices, eventRejectHour } from "./event-rows.ts";
import { rejectRow, totalsRow, voidRow } from "./other-rows.ts";
import { type KafkaRecord, recordOf } from "./record-run.ts";
import { validateTotals, validateVoid } from "./validate-other.ts";

/** A record whose hour is older than the memory: kept, with a copy of its bytes, until usage_log was asked. */
export interface LateRecord {
  readonly record: KafkaRecord;
  readonly partition: number;
  readonly space: IdSpace;
  readonly id: Uint8Array;
  readonly hashLow: number;
  readonly hashHigh: number;
}

/** What usage_log holds of the ids asked for: hex of the id, per id space, with its payload hash. */
export type Known = (space: IdSpace, id: Uint8Array) => { low: number; high: number } | undefined;

/** Whether an id was seen before: asked of the memory, or of usage_log for late records. */
interface Seen {
  add(space: number, id: Uint8Array, at: number, low: number, high: number): number;
}

/** One object for all records of an intake, not a closure for each. */
class MemorySeen implements Seen {
  memory: DedupeMemory | undefined;
  partition = 0;

  add(space: number, id: Uint8Array, at: number, low: number, high: number): number {
    return (this.memory as DedupeMemory).add(this.partition, space, id, at, low, high);
  }
}

/** What usage_log knows of late ids, and the ones before in the same block. */
class LateSeen implements Seen {
  private readonly known: Known;
  private readonly before = new Map<string, { low: number; high: number }>();

  constructor(known: Known) {
    this.known = known;
  }

  add(space: number, id: Uint8Array, at: number, low: number, high: number): number {
    const name = ID_SPACES[space] as IdSpace;
    const copy = id.slice(at, at + ID_BYTES);
    const key = `${name}${copy.join()}`;
    const first = this.before.get(key) ?? this.known(name, copy);
    if (first === undefined) {
      this.before.set(key, { low, high });
      return NEW;
    }
    return first.low === low && first.high === high ? DUPLICATE : CONFLICT;
  }
}

export class Intake {
  readonly event = new EventRecord();
  private readonly reader: RecordReader;
  private readonly age: AcceptedAge;
  private readonly inMemory = new MemorySeen();

  constructor(reader: RecordReader, age: AcceptedAge) {
    this.reader = reader;
    this.age = age;
  }

  /** Takes a record into the block, or hands back the late record to set aside. */
  take(
    block: Block,
    batch: PartitionBatch,
    record: KafkaRecord,
    memory: DedupeMemory,
  ): LateRecord | undefined {
    this.inMemory.memory = memory;
    this.inMemory.partition = batch.partition;
    batch.lastOffset = record.offset;
    batch.ingestedAtMs = record.ingestedAtMs;
    batch.received++;
    return this.settle(block, batch, record, this.inMemory);
  }

  /** Takes late records, once it is known which of their ids are in usage_log. Copies among them count as such. */
  takeLate(block: Block, late: readonly LateRecord[], known: Known): void {
    const seen = new LateSeen(known);
    for (const { record, partition } of late) {
      this.settle(block, block.partitions.get(partition) as PartitionBatch, record, seen);
    }
  }

  private settle(
    block: Block,
    batch: PartitionBatch,
    record: KafkaRecord,
    seen: Seen,
  ): LateRecord | undefined {
    const { bytes, view, valueStart, valueLength } = record;
    const read = this.reader.read(bytes, view, valueStart, valueLength, this.event);
    switch (read.type) {
      case "event":
        return this.takeEvent(block, batch, record, seen);
      case "totals": {
        const { totals } = read;
        const fault =
          keyFault(record, totals.totals_id, 0) ?? validateTotals(totals, record.ingestedAtMs, this.age);
        return this.takeOther(block, batch, record, "totals", totals.totals_id, fault, seen, (low, high) =>
          totalsRow(block, batch.partition, record, totals, low, high),
        );
      }
      case "void": {
        const order = read.void;
        const fault = keyFault(record, order.event_id, 0) ?? validateVoid(order, record.ingestedAtMs);
        return this.takeOther(block, batch, record, "void", order.event_id, fault, seen, (low, high) =>
          voidRow(block, batch.partition, record, order, low, high),
        );
      }
      case "unreadable":
        reject(block, batch, record, read);
        return undefined;
    }
  }

  private takeEvent(
    block: Block,
    batch: PartitionBatch,
    record: KafkaRecord,
    seen: Seen,
  ): LateRecord | undefined {
    const { event } = this;
    const fault =
      keyFault(record, event.bytes, event.id) ??
      validateEvent(event, record.ingestedAtMs, this.age) ??
      block.intern(event);
    if (fault !== undefined) {
      rejectEvent(block, batch, record, event, fault);
      return undefined;
    }
    hashPayload(event.view, event.bodyStart, event.bodyEnd);
    const { low, high } = hash;
    switch (seen.add(0, event.bytes, event.id, low, high)) {
      case NEW:
        batch.counted++;
        addEventSlices(block, event, batch, record, low, high);
        return undefined;
      case DUPLICATE:
        batch.duplicates++;
        block.countIn(event, hourOf(event), "duplicates");
        return undefined;
      case CONFLICT:
        batch.conflicts++;
        block.countIn(event, hourOf(event), "conflicts");
        conflictRow(block, batch, record, event, low, high);
        return undefined;
      default: {
        const id = event.bytes.slice(event.id, event.id + ID_BYTES);
        block.reserve(
          hourOf(event) - firstHour(event.numbers[NUMBERS.started_at] as number) + 1,
          record.valueLength,
        );
        return late(batch.partition, record, "event", id, low, high);
      }
    }
  }

  private takeOther(
    block: Block,
    batch: PartitionBatch,
    record: KafkaRecord,
    space: "totals" | "void",
    id: Uint8Array,
    fault: Fault | undefined,
    seen: Seen,
    rowOf: (low: number, high: number) => Row,
  ): LateRecord | undefined {
    if (fault !== undefined) {
      reject(block, batch, record, fault);
      return undefined;
    }
    hashPayload(record.view, record.valueStart, record.valueStart + record.valueLength);
    const { low, high } = hash;
    // made of copies and late records too: their texts then have places in the dictionaries before the block is sealed
    const row = rowOf(low, high);
    switch (seen.add(ID_SPACES.indexOf(space), id, 0, low, high)) {
      case NEW:
        batch.counted++;
        block.addRow(row, record.valueLength);
        if (space === "void") block.countVoid(idHour(id, 0));
        return undefined;
      case DUPLICATE:
        batch.duplicates++;
        return undefined;
      case CONFLICT: {
        batch.conflicts++;
        const conflict = {
          code: "EVENT_CONFLICT",
          detail: `a ${space} record with this id was counted before`,
        } as const;
        block.addRow(
          rejectRow(block, batch.partition, record, conflict, { event_id: id.slice() }),
          bytesOf(record),
        );
        return undefined;
      }
      default:
        block.reserve(1, record.valueLength);
        return late(batch.partition, record, space, id.slice(), low, high);
    }
  }
}

const hourOf = (event: EventRecord): number =>
  lastHour(event.numbers[NUMBERS.started_at] as number, event.numbers[NUMBERS.ended_at] as number);

function keyFault(record: KafkaRecord, id: Uint8Array, at: number): Fault | undefined {
  const { bytes, keyStart, keyLength } = record;
  if (keyLength <= 0) return { code: "RECORD_KEY_MISSING", detail: "no key" };
  if (keyLength !== ID_BYTES || !sameBytes(bytes, keyStart, id, at, ID_BYTES)) {
    return { code: "RECORD_KEY_MISMATCH", detail: `key of ${keyLength} bytes` };
  }
  return undefined;
}

function late(
  partition: number,
  record: KafkaRecord,
  space: IdSpace,
  id: Uint8Array,
  hashLow: number,
  hashHigh: number,
): LateRecord {
  const value = record.bytes.subarray(record.valueStart, record.valueStart + record.valueLength);
  const copy = recordOf(record.offset, record.ingestedAtMs, id, value);
  return { record: copy, partition, space, id, hashLow, hashHigh };
}

const bytesOf = ({ keyLength, valueLength }: KafkaRecord): number =>
  Math.max(0, keyLength) + Math.max(0, valueLength);

function reject(block: Block, batch: PartitionBatch, record: KafkaRecord, fault: Fault): void {
  batch.rejected++;
  block.addRow(rejectRow(block, batch.partition, record, fault, {}), bytesOf(record));
}

/** Faults of a text that was not interned, or of a time that gives no hour, cannot be told per tenant and hour. */
function rejectEvent(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  event: EventRecord,
  fault: Fault,
): void {
  const hour = eventRejectHour(event, record.ingestedAtMs);
  if (hour === undefined || block.intern(event) !== undefined) {
    reject(block, batch, record, fault);
    return;
  }
  batch.rejected++;
  block.countIn(event, hour, "rejected");
  const named = { ...block.internedPositions(), hour: hour * 3600 };
  block.addRow(rejectRow(block, batch.partition, record, fault, named), bytesOf(record));
}

function conflictRow(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  event: EventRecord,
  low: number,
  high: number,
): void {
  const fault = {
    code: "EVENT_CONFLICT" satisfies RejectCode,
    detail: "an event with this id was counted before",
  } as const;
  const named = {
    ...block.internedPositions(),
    hour: hourOf(event) * 3600,
    event_id: event.bytes.slice(event.id, event.id + ID_BYTES),
    payload_hash_words: [low, high] as const,
  };
  block.addRow(rejectRow(block, batch.partition, record, fault, named), bytesOf(record));
}
