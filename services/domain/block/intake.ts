// One record's way into a block: read, validate, deduplicate, split over hours, count. Pure: the Avro reader comes as an
// argument, the clock is the broker's append time, and what memory cannot answer is set aside for a look-up.

import { homeOf } from "../dedupe/home.ts";
import type { DedupeMemory, IdSpace } from "../dedupe/memory.ts";
import { CONFLICT, DUPLICATE, NEW } from "../dedupe/table.ts";
import type { Fault } from "../event/codes.ts";
import { ID_BYTES, idHour } from "../event/id.ts";
import { copyOfHash, type HashPayload, type PayloadHash, unkeyedHash } from "../event/payload-hash.ts";
import type { RecordReader } from "../event/reader.ts";
import { EventRecord, NUMBERS } from "../event/record.ts";
import { type AcceptedAge, validateEvent } from "../event/validate.ts";
import { voidTrustFault } from "../trust/corrections.ts";
import { eventTrustFault, type Trust } from "../trust/trust.ts";
import { firstHour } from "../window/split.ts";
import type { Block, PartitionBatch } from "./block.ts";
import type { Row } from "./columns.ts";
import { isFault } from "./event-keys.ts";
import { addEventSlices, eventHour } from "./event-rows.ts";
import { totalsRow, voidRow } from "./other-rows.ts";
import { type KafkaRecord, recordOf } from "./record-run.ts";
import { addConflict, addEventConflict, keyFault, reject, rejectEvent } from "./rejects.ts";
import { type LateIds, MemoryIds, type SeenIds } from "./seen-ids.ts";
import { SliceRef } from "./slice-ref.ts";
import { validateTotals, validateVoid } from "./validate-other.ts";

/** A record whose hour is older than the memory: kept, with a copy of its bytes, until usage_log has answered. */
export interface LateRecord {
  readonly record: KafkaRecord;
  readonly partition: number;
  readonly space: IdSpace;
  readonly id: Uint8Array;
  readonly hash: PayloadHash;
}

/** What becomes of a record in another partition than its key's: its id is looked up, or it is rejected. */
export type MisplacedRecords = "look_up" | "reject";

const misplacedFault = (home: number): Fault => ({
  code: "RECORD_MISPLACED",
  detail: `its key belongs in partition ${home}`,
});

/** A record that becomes one row whatever its hours: a totals record or a void. */
interface SingleRow {
  readonly space: "totals" | "void";
  readonly id: Uint8Array;
  readonly fault: Fault | undefined;
  readonly row: (hash: PayloadHash) => Row;
  readonly hashPayload: HashPayload;
}

export class Intake {
  readonly event = new EventRecord();
  private readonly reader: RecordReader;
  private readonly age: AcceptedAge;
  private readonly trust: Trust;
  private readonly hashPayload: HashPayload;
  private readonly misplaced: MisplacedRecords;
  private readonly memoryIds = new MemoryIds();
  private readonly slice = new SliceRef();

  constructor(
    reader: RecordReader,
    age: AcceptedAge,
    trust: Trust,
    hashPayload: HashPayload,
    misplaced: MisplacedRecords = "look_up",
  ) {
    this.reader = reader;
    this.misplaced = misplaced;
    this.age = age;
    this.trust = trust;
    this.hashPayload = hashPayload;
  }

  /** Takes a record into the block, or hands back the late record to set aside. */
  take(
    block: Block,
    batch: PartitionBatch,
    record: KafkaRecord,
    memory: DedupeMemory,
  ): LateRecord | undefined {
    this.memoryIds.memory = memory;
    this.memoryIds.home = batch.partition;
    batch.lastOffset = record.offset;
    batch.ingestedAtMs = record.ingestedAtMs;
    batch.received++;
    if (memory.homes !== undefined && record.keyLength === ID_BYTES) {
      // the key is the id, or the record is rejected for that
      const home = homeOf(record.bytes, record.keyStart, memory.homes);
      this.memoryIds.home = home;
      if (home !== batch.partition) {
        batch.misplaced++;
        if (this.misplaced === "reject") {
          reject(block, batch, record, misplacedFault(home - memory.homes.first));
          return undefined;
        }
      }
    }
    return this.route(block, batch, record, this.memoryIds);
  }

  /**
   * Takes late records, once it is known which of their ids are in usage_log. Copies among them count as such: `seen` is the
   * same object for all late records of a block.
   */
  takeLate(block: Block, late: readonly LateRecord[], seen: LateIds): void {
    for (const { record, partition } of late) {
      this.route(block, block.partitions.get(partition) as PartitionBatch, record, seen);
    }
  }

  private route(
    block: Block,
    batch: PartitionBatch,
    record: KafkaRecord,
    seen: SeenIds,
  ): LateRecord | undefined {
    const { bytes, view, valueStart, valueLength, fault } = record;
    if (fault !== undefined) {
      reject(block, batch, record, fault);
      return undefined;
    }
    const read = this.reader.read(bytes, view, valueStart, valueLength, this.event);
    switch (read.type) {
      case "event":
        return this.takeEvent(block, batch, record, seen);
      case "totals": {
        const { totals } = read;
        return takeSingleRow(block, batch, record, seen, {
          space: "totals",
          id: totals.totals_id,
          fault:
            keyFault(record, totals.totals_id, 0) ?? validateTotals(totals, record.ingestedAtMs, this.age),
          row: (hash) => totalsRow(block, batch.partition, record, totals, hash),
          hashPayload: this.hashPayload,
        });
      }
      case "void": {
        const order = read.void;
        return takeSingleRow(block, batch, record, seen, {
          space: "void",
          id: order.event_id,
          fault:
            keyFault(record, order.event_id, 0) ??
            validateVoid(order, record.ingestedAtMs) ??
            voidTrustFault(order, this.trust.corrections),
          row: (hash) => voidRow(block, batch.partition, record, order, hash),
          hashPayload: this.hashPayload,
        });
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
    seen: SeenIds,
  ): LateRecord | undefined {
    const { event } = this;
    const fault =
      keyFault(record, event.bytes, event.id) ??
      validateEvent(event, record.ingestedAtMs, this.age) ??
      eventTrustFault(event, this.trust);
    const keys = fault ?? block.intern(event);
    if (isFault(keys)) {
      rejectEvent(block, batch, record, event, keys);
      return undefined;
    }
    const { bytes, id, view, bodyStart, contentEnd } = event;
    const hash = this.hashPayload(view, bodyStart, contentEnd);
    let novelty = seen.add("event", bytes, id, hash);
    // the one that was counted may be of before, without a key; whoever sends this one cannot know a hash with a key
    if (novelty === CONFLICT)
      novelty = seen.add("event", bytes, id, unkeyedHash(view, bodyStart, contentEnd));
    switch (novelty) {
      case NEW:
        batch.counted++;
        this.slice.partition = batch.partition;
        this.slice.record = record;
        this.slice.hash = hash;
        addEventSlices(block, event, keys, this.slice);
        return undefined;
      case DUPLICATE:
        batch.duplicates++;
        block.count(keys, eventHour(event), "duplicates");
        return undefined;
      case CONFLICT:
        addEventConflict(block, batch, record, event, keys, hash);
        return undefined;
      default: {
        const hours = eventHour(event) - firstHour(event.numbers[NUMBERS.started_at] as number) + 1;
        block.reserve(hours, record.valueLength);
        return lateRecord(batch.partition, record, "event", bytes.slice(id, id + ID_BYTES), hash);
      }
    }
  }
}

function takeSingleRow(
  block: Block,
  batch: PartitionBatch,
  record: KafkaRecord,
  seen: SeenIds,
  { space, id, fault, row: makeRow, hashPayload }: SingleRow,
): LateRecord | undefined {
  if (fault !== undefined) {
    reject(block, batch, record, fault);
    return undefined;
  }
  const { view, valueStart, valueLength } = record;
  const hash = hashPayload(view, valueStart, valueStart + valueLength);
  // made of copies and late records too: their texts then have places in the dictionaries before the block is sealed
  const row = makeRow(hash);
  let novelty = seen.add(space, id, 0, hash);
  if (novelty === CONFLICT) {
    novelty = seen.add(space, id, 0, unkeyedHash(view, valueStart, valueStart + valueLength));
  }
  switch (novelty) {
    case NEW:
      batch.counted++;
      block.addRow(row, record.valueLength);
      if (space === "void") block.countVoid(idHour(id, 0));
      return undefined;
    case DUPLICATE:
      batch.duplicates++;
      return undefined;
    case CONFLICT:
      addConflict(block, batch, record, space, id);
      return undefined;
    default:
      block.reserve(1, record.valueLength);
      return lateRecord(batch.partition, record, space, id.slice(), hash);
  }
}

/** Copies what is kept: the record's bytes, and the hash that is one object for all events. */
function lateRecord(
  partition: number,
  record: KafkaRecord,
  space: IdSpace,
  id: Uint8Array,
  hash: PayloadHash,
): LateRecord {
  const value = record.bytes.subarray(record.valueStart, record.valueStart + record.valueLength);
  const copy = recordOf(record.offset, record.ingestedAtMs, id, value);
  return { record: copy, partition, space, id, hash: copyOfHash(hash) };
}
