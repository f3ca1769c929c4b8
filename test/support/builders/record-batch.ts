// Kafka's record batches written by hand (Kafka protocol, "Record Batch", magic 2).
import { crc32c } from "../../../services/adapters/kafka/codecs/crc32c.ts";
import { long } from "./raw-avro.ts";

export interface RawRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly offsetDelta: number;
  readonly timeDelta?: number | bigint;
  readonly headers?: readonly (readonly [string, Uint8Array | null])[];
}

const sized = (bytes: Uint8Array | null): Buffer =>
  bytes === null ? long(-1) : Buffer.concat([long(bytes.length), bytes]);

/** A record with its length before it. Kafka's varints are Avro's. */
export function rawKafkaRecord({ key, value, offsetDelta, timeDelta = 0, headers = [] }: RawRecord): Buffer {
  const pairs = headers.flatMap(([name, header]) => [sized(Buffer.from(name)), sized(header)]);
  const body = [Buffer.from([0]), long(timeDelta), long(offsetDelta), sized(key), sized(value)];
  return sized(Buffer.concat([...body, long(headers.length), ...pairs]));
}

export interface RawBatch {
  readonly firstOffset: number;
  readonly lastOffsetDelta: number;
  readonly count: number;
  readonly attributes: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  /** The records, compressed if `attributes` says so. */
  readonly records: Uint8Array;
}

export const LOG_APPEND_TIME = 0x8;

export function rawBatch(batch: RawBatch): Buffer {
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(batch.firstOffset), 0);
  header.writeInt32BE(49 + batch.records.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE(batch.attributes, 21);
  header.writeInt32BE(batch.lastOffsetDelta, 23);
  header.writeBigInt64BE(BigInt(batch.firstTimestampMs), 27);
  header.writeBigInt64BE(BigInt(batch.maxTimestampMs), 35);
  header.writeBigInt64BE(-1n, 43);
  header.writeInt32BE(batch.count, 57);
  return withChecksum(Buffer.concat([header, batch.records]));
}

/** The batch with the checksum that its bytes have. */
export function withChecksum(batch: Uint8Array): Buffer {
  const copy = Buffer.from(batch);
  copy.writeInt32BE(crc32c(copy.subarray(21)), 17);
  return copy;
}
