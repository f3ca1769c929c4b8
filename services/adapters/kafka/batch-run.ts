// The records of whole record batches (Kafka protocol, "Record Batch", magic 2), read where they lie.
import type { KafkaMessage } from "kafkajs";
import { KafkaRecord, type RecordRun } from "../../domain/block/record-run.ts";
import type { Fault } from "../../domain/event/codes.ts";
import { decompress } from "./codecs/decompress.ts";
import { cutOversize, rejectedBatch } from "./rejected-batch.ts";
import { WholeBatch, type WholeBatchFields } from "./whole-batch.ts";
// its batches are what that makes kafkajs hand on
import "./whole-batches.ts";

/** First offset of a fetch, where its first record batch begins. */
export const firstOffset = (messages: readonly KafkaMessage[]): number =>
  messages[0] === undefined ? Number.NaN : wholeBatch(messages[0]).firstOffset;

/** Groups that are read without a pause between them: each has at most a few batches to decompress. */
export function portions(messages: readonly KafkaMessage[]): (readonly KafkaMessage[])[] {
  const found: KafkaMessage[][] = [[]];
  let compressed = 0;
  for (const message of messages) {
    if (wholeBatch(message).codec !== 0) compressed++;
    if (compressed > COMPRESSED_MAX) {
      compressed = 1;
      found.push([]);
    }
    found.at(-1)?.push(message);
  }
  return found;
}

/** A bomb takes up to 0.1 s to be told, and heartbeats wait for it. */
const COMPRESSED_MAX = 8;

/** A day less than ClickHouse's DateTime holds. */
const TIME_MAX_MS = (2 ** 32 - 86_400) * 1000;

/** Topics without the broker's append time carry whatever a producer says: nothing of it may be beyond what is stored. */
const producersTime = (ms: number): number => Math.min(Math.max(0, ms), TIME_MAX_MS);

export interface BatchLimits {
  /** Bytes of a batch at most, once it is decompressed. */
  readonly bytesMax: number;
  /** No record was appended later, milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** No record of the partition has a higher offset. */
  readonly offsetMax: number;
}

/**
 * A batch that cannot be decoded is handed on as records with a fault, for its offsets from the first one that cannot be
 * read; the batches behind it are read as if nothing had been.
 */
export class BatchRun implements RecordRun {
  record = new KafkaRecord();
  private readonly messages: readonly KafkaMessage[];
  private readonly limits: BatchLimits;
  private readonly good = this.record;
  private rejected: Iterator<KafkaRecord> | undefined;
  private at = -1;
  private batch: WholeBatchFields | undefined;
  /** The lowest that the next record can have. */
  private nextOffset = 0;
  private left = 0;
  private position = 0;

  constructor(messages: readonly KafkaMessage[], limits: BatchLimits) {
    this.messages = messages;
    this.limits = limits;
  }

  next(): boolean {
    while (this.rejected !== undefined || this.left === 0) {
      const rejected = this.rejected?.next();
      if (rejected?.done === false) {
        this.record = rejected.value;
        return true;
      }
      this.rejected = undefined;
      this.record = this.good;
      this.at++;
      const message = this.messages[this.at];
      if (message === undefined) return false;
      this.open(wholeBatch(message), message.value as Buffer);
    }
    this.left--;
    if (this.read(this.batch as WholeBatchFields)) return true;
    this.reject({ code: "BATCH_DAMAGED", detail: "a record does not lie within its bytes" });
    return this.next();
  }

  private open(batch: WholeBatchFields, value: Uint8Array): void {
    this.batch = batch;
    this.nextOffset = batch.firstOffset;
    const bytes = batch.fault ?? decompress(batch.codec, value, this.limits.bytesMax);
    if ("code" in bytes) {
      this.reject(bytes);
      return;
    }
    this.left = batch.count;
    this.position = 0;
    this.good.bytes = plain(bytes);
    this.good.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.left === 0 && bytes.length > 0) {
      this.reject({ code: "BATCH_DAMAGED", detail: `no records in ${bytes.length} bytes` });
    }
  }

  private reject(fault: Fault): void {
    this.left = 0;
    const { nextOffset: from, limits } = this;
    this.rejected = rejectedBatch(this.batch as WholeBatchFields, { from, fault, ...limits });
  }

  /**
   * Length, attributes, time delta, offset delta, key, value, headers: all varints, zigzag where they can be negative. False
   * if that is not what is there.
   */
  private read(batch: WholeBatchFields): boolean {
    const { good: record } = this;
    const length = this.varint();
    const end = this.position + length;
    this.position++;
    const timeDelta = this.varint();
    record.offset = batch.firstOffset + this.varint();
    record.ingestedAtMs = batch.isAppendTime
      ? batch.maxTimestampMs
      : producersTime(batch.firstTimestampMs + timeDelta);
    record.keyLength = this.varint();
    record.keyStart = this.position;
    if (record.keyLength > 0) this.position += record.keyLength;
    record.valueLength = this.varint();
    record.valueStart = this.position;
    this.position += Math.max(0, record.valueLength);
    const isWithin =
      this.position <= end &&
      end <= record.bytes.length &&
      record.offset >= this.nextOffset &&
      record.offset + this.left <= batch.lastOffset;
    // a batch of fewer records than it holds would lose the rest without a word
    const isWhole = this.left > 0 || end === record.bytes.length;
    if (!isWithin || !isWhole) return false;
    this.position = end;
    this.nextOffset = record.offset + 1;
    cutOversize(record);
    return true;
  }

  /** At most ten bytes; those past the end count as 0, and the caller sees where it has come to. */
  private varint(): number {
    const { bytes } = this.good;
    let byte = bytes[this.position++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 70; shift += 7) {
      byte = bytes[this.position++] as number;
      // time deltas are the only ones that can pass 32 bits, and only where the broker's time is not used
      low = shift < 28 ? low | ((byte & 0x7f) << shift) : low + (byte & 0x7f) * 2 ** shift;
    }
    return low % 2 === 0 ? low / 2 : -(low + 1) / 2;
  }
}

/** Not a Buffer, whose `slice` shares its bytes where everyone else's copies them. */
const plain = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);

function wholeBatch(message: KafkaMessage): WholeBatchFields {
  const batch: unknown = message.attributes;
  if (batch instanceof WholeBatch) return batch.fields;
  throw new Error("kafkajs decoded a record batch itself: import client.ts before anything that fetches");
}
