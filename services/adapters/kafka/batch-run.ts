// The records of whole record batches (Kafka protocol, "Record Batch", magic 2), read where they lie.
import type { KafkaMessage } from "kafkajs";
import { KafkaRecord, type RecordRun } from "../../domain/block/record-run.ts";
import { WholeBatch } from "./whole-batches.ts";

/** First offset of a fetch, where its first record batch begins. */
export const firstOffset = (messages: readonly KafkaMessage[]): number =>
  messages[0] === undefined ? Number.NaN : wholeBatch(messages[0]).firstOffset;

/** A day less than ClickHouse's DateTime holds. */
const TIME_MAX_MS = (2 ** 32 - 86_400) * 1000;

/** Topics without the broker's append time carry whatever a producer says: nothing of it may be beyond what is stored. */
const producersTime = (ms: number): number => Math.min(Math.max(0, ms), TIME_MAX_MS);

export class BatchRun implements RecordRun {
  readonly record = new KafkaRecord();
  private readonly messages: readonly KafkaMessage[];
  private at = -1;
  private batch = new WholeBatch(0, 0, 0, 0);
  private lastOffset = 0;
  private left = 0;
  private position = 0;

  constructor(messages: readonly KafkaMessage[]) {
    this.messages = messages;
  }

  next(): boolean {
    while (this.left === 0) {
      this.at++;
      const message = this.messages[this.at];
      if (message === undefined) return false;
      this.open(message);
    }
    this.left--;
    this.read();
    return true;
  }

  private open(message: KafkaMessage): void {
    if (message.value === null) throw new Error("a record batch without bytes");
    this.batch = wholeBatch(message);
    this.lastOffset = Number(message.offset);
    this.left = this.batch.count;
    this.position = 0;
    this.record.bytes = new Uint8Array(message.value.buffer, message.value.byteOffset, message.value.length);
    this.record.view = new DataView(message.value.buffer, message.value.byteOffset, message.value.length);
    if (this.left === 0 && message.value.length > 0) throw damaged(this.batch);
  }

  /** Length, attributes, time delta, offset delta, key, value, headers: all varints, zigzag where they can be negative. */
  private read(): void {
    const { record, batch } = this;
    const length = this.varint();
    const end = this.position + length;
    this.position++;
    const timeDelta = this.varint();
    record.offset = batch.firstOffset + this.varint();
    record.ingestedAtMs = batch.appendedAtMs ?? producersTime(batch.firstTimestampMs + timeDelta);
    record.keyLength = this.varint();
    record.keyStart = this.position;
    if (record.keyLength > 0) this.position += record.keyLength;
    record.valueLength = this.varint();
    record.valueStart = this.position;
    this.position += Math.max(0, record.valueLength);
    const isWithin =
      this.position <= end &&
      end <= record.bytes.length &&
      record.offset >= batch.firstOffset &&
      record.offset <= this.lastOffset;
    // a batch of fewer records than it holds would lose the rest without a word
    const isWhole = this.left > 0 || end === record.bytes.length;
    if (!isWithin || !isWhole) throw damaged(batch);
    this.position = end;
  }

  /** At most ten bytes; those past the end count as 0, and the caller sees where it has come to. */
  private varint(): number {
    const { bytes } = this.record;
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

const damaged = ({ firstOffset }: WholeBatch): Error =>
  new Error(`a record batch that starts at offset ${firstOffset} is damaged`);

function wholeBatch(message: KafkaMessage): WholeBatch {
  const batch: unknown = message.attributes;
  if (batch instanceof WholeBatch) return batch;
  throw new Error("kafkajs decoded a record batch itself: import client.ts before anything that fetches");
}
