// Makes kafkajs hand on Kafka's record batches whole, one message per batch, with the records' bytes, still compressed, as its value.
//
// kafkajs 2.2.4 (its last release, pinned) makes some eight objects and four bigints of every record before it hands it on,
// which cost as much as everything this house does with an event (bench/README.md). There is no option to leave that out, so its decoder of
// record batches is replaced, in processes that import this file, before the first fetch loads it. Fetching, groups and heartbeats
// stay kafkajs's; transactions are transactions.ts. The test of the source would fail on a kafkajs that ignored it.
//
// Nothing in a batch throws here: kafkajs takes an error for the end of its consumer, and every other member of the group would
// end at the same batch. What is wrong with a batch is for BatchRun to tell, which also decompresses, one batch at a time: all
// batches of a fetch at once would be hundreds of times what was fetched.
import { createRequire } from "node:module";
import type { Fault } from "../../domain/event/codes.ts";
import { crc32c } from "./codecs/crc32c.ts";
import { type AbortedTransaction, type BatchMessage, emptied, withoutAborted } from "./transactions.ts";
import { WholeBatch, type WholeBatchFields } from "./whole-batch.ts";

/** Layout of a record batch, magic 2, behind its 12 bytes of first offset and length. */
const HEADER_BYTES = 49;
const AT = {
  magic: 4,
  checksum: 5,
  attributes: 9,
  lastOffsetDelta: 11,
  firstTimestamp: 15,
  maxTimestamp: 23,
  producerId: 31,
  count: 45,
  records: 49,
};
const PREFIX_BYTES = 12;
const MAGIC = 2;
const COMPRESSION_MASK = 0x7;
const LOG_APPEND_TIME = 0x8;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

interface KafkajsDecoder {
  readInt64(): { toString(): string };
  readInt32(): number;
  readBytes(length: number): Buffer;
  canReadBytes(length: number): boolean;
  slice(length: number): KafkajsDecoder;
  forward(length: number): void;
  offset: number;
  buffer: Buffer;
}
type DecodeBatch = (decoder: KafkajsDecoder) => Promise<{ records: { key?: Buffer | null }[] }>;

const require = createRequire(import.meta.url);
const DECODER = require.resolve("kafkajs/src/protocol/recordBatch/v0/decoder");
const original = require(DECODER) as DecodeBatch;
const { KafkaJSPartialMessageError } = require("kafkajs/src/errors") as {
  KafkaJSPartialMessageError: new (message: string) => Error;
};
replace(DECODER, decodeWhole);
// what kafkajs takes a fetch for whose first batch has another magic; brokers of today have no such batches, but damaged ones
replace(require.resolve("kafkajs/src/protocol/messageSet/decoder"), decodeOthers);

function replace(path: string, decode: unknown): void {
  require(path);
  const cached = require.cache[path];
  if (cached === undefined) throw new Error("kafkajs has moved its decoder of record batches");
  cached.exports = decode;
}

async function decodeOthers(decoder: KafkajsDecoder): Promise<unknown[]> {
  const messages: unknown[] = [];
  while (decoder.canReadBytes(PREFIX_BYTES + HEADER_BYTES)) {
    try {
      messages.push(...(await decodeWhole(decoder)).records);
    } catch (error) {
      if (error instanceof KafkaJSPartialMessageError) break;
      throw error;
    }
  }
  return messages;
}

async function decodeWhole(decoder: KafkajsDecoder): Promise<{ records: unknown[] }> {
  const start = decoder.offset;
  const firstOffset = Number(decoder.readInt64().toString());
  const length = decoder.readInt32();
  if (length < HEADER_BYTES || !decoder.canReadBytes(length)) {
    throw new KafkaJSPartialMessageError(`a record batch of ${length} bytes is cut`);
  }
  const batch = decoder.readBytes(length);
  const attributes = batch.readInt16BE(AT.attributes);
  const isWhole =
    batch[AT.magic] === MAGIC && crc32c(batch.subarray(AT.attributes)) === batch.readInt32BE(AT.checksum);
  const count = batch.readInt32BE(AT.count);
  const lastOffset = firstOffset + Math.max(0, batch.readInt32BE(AT.lastOffsetDelta));
  const fields: WholeBatchFields = {
    firstOffset,
    lastOffset: isWhole ? lastOffset : (offsetBeforeNext(decoder, firstOffset) ?? lastOffset),
    count,
    codec: attributes & COMPRESSION_MASK,
    firstTimestampMs: Number(batch.readBigInt64BE(AT.firstTimestamp)),
    maxTimestampMs: Number(batch.readBigInt64BE(AT.maxTimestamp)),
    isAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    // not a Buffer, whose `slice` would share them
    bytes: new Uint8Array(decoder.buffer.buffer, decoder.buffer.byteOffset + start, decoder.offset - start),
    fault: isWhole ? countFault(count, lastOffset - firstOffset + 1) : CHECKSUM,
  };
  const message = {
    offset: String(fields.lastOffset),
    timestamp: String(fields.maxTimestampMs),
    key: null,
    value: batch.subarray(AT.records),
    headers: {},
    attributes: new WholeBatch(fields),
    isControlRecord: false,
    batchContext: {
      producerId: batch.readBigInt64BE(AT.producerId).toString(),
      inTransaction: isWhole && (attributes & TRANSACTIONAL) !== 0,
    },
  };
  if (!isWhole || (attributes & CONTROL) === 0) return { records: [message] };
  const end = decoder.offset;
  decoder.offset = start;
  const { records } = await original(decoder);
  decoder.offset = end;
  const isAbortMarker = records[0]?.key?.equals(ABORT_KEY) ?? false;
  return { records: [{ ...emptied(message), isAbortMarker }] };
}

/** Version 0, type 0. */
const ABORT_KEY = Buffer.alloc(4);

/** Of what a fetch brought of a partition: the first offset that an open transaction keeps back, or the partition's end. */
export function lastStableOffset(messages: readonly unknown[]): number | undefined {
  return stableOffsets.get(messages);
}

const stableOffsets = new WeakMap<readonly unknown[], number>();

interface FetchedPartition {
  readonly lastStableOffset: string;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly messages: readonly BatchMessage[];
}
interface FetchResponse {
  decode(raw: unknown): Promise<{ responses: { partitions: FetchedPartition[] }[] }>;
}

/** The version that kafkajs speaks with every broker since Kafka 2.3. */
const FETCH = require.resolve("kafkajs/src/protocol/requests/fetch/v11/response");
const fetchResponse = require(FETCH) as FetchResponse;
replace(FETCH, { ...fetchResponse, decode: decodeFetch });

async function decodeFetch(raw: unknown) {
  const decoded = await fetchResponse.decode(raw);
  const responses = decoded.responses.map((response) => ({
    ...response,
    partitions: response.partitions.map((partition) => {
      const messages = withoutAborted(partition.messages, partition.abortedTransactions);
      stableOffsets.set(messages, Number(partition.lastStableOffset));
      return { ...partition, messages, abortedTransactions: [] };
    }),
  }));
  return { ...decoded, responses };
}

/** kafkajs hands on no empty fetch, which alone tells that a transaction is open. */
const Batch = require("kafkajs/src/consumer/batch") as { prototype: { isEmpty(): boolean } };
Batch.prototype.isEmpty = () => false;

const CHECKSUM: Fault = { code: "BATCH_DAMAGED", detail: "its checksum is not that of its bytes" };

function countFault(count: number, offsets: number): Fault | undefined {
  if (count >= 0 && count <= offsets) return undefined;
  return { code: "BATCH_DAMAGED", detail: `${count} records in ${offsets} offsets` };
}

/** Where the batch behind begins tells the last offset of one whose header cannot be believed. */
function offsetBeforeNext({ buffer, offset }: KafkajsDecoder, firstOffset: number): number | undefined {
  if (offset + 8 > buffer.length) return undefined;
  const next = Number(buffer.readBigInt64BE(offset));
  return next > firstOffset ? next - 1 : undefined;
}
