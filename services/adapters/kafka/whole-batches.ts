// Makes kafkajs hand on Kafka's record batches whole, one message per batch, with the records' bytes as its value.
//
// kafkajs 2.2.4 (its last release, pinned) makes some eight objects and four bigints of every record before it hands it on,
// which cost as much as everything this house does with an event (bench/README.md). There is no option to leave that out, so its decoder of
// record batches is replaced, in processes that import this file, before the first fetch loads it. Fetching, groups, heartbeats,
// compression and aborted transactions stay kafkajs's. The test of the source would fail on a kafkajs that ignored it.
import { createRequire } from "node:module";

/** Layout of a record batch, magic 2, behind its 12 bytes of first offset and length. */
const HEADER_BYTES = 49;
const AT = {
  attributes: 9,
  lastOffsetDelta: 11,
  firstTimestamp: 15,
  maxTimestamp: 23,
  producerId: 31,
  records: 45,
};
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
type DecodeBatch = (decoder: KafkajsDecoder) => Promise<{ records: unknown[] }>;

const require = createRequire(import.meta.url);
const DECODER = require.resolve("kafkajs/src/protocol/recordBatch/v0/decoder");
const original = require(DECODER) as DecodeBatch;
const { lookupCodecByAttributes } = require("kafkajs/src/protocol/message/compression") as {
  lookupCodecByAttributes: (attributes: number) => { decompress(bytes: Buffer): Promise<Buffer> } | null;
};
const { KafkaJSPartialMessageError } = require("kafkajs/src/errors") as {
  KafkaJSPartialMessageError: new (message: string) => Error;
};
const cached = require.cache[DECODER];
if (cached === undefined) throw new Error("kafkajs has moved its decoder of record batches");
cached.exports = decodeWhole;

/** What the source finds as a message's `attributes`, to tell that kafkajs took this decoder. */
export class WholeBatch {
  readonly firstOffset: number;
  readonly count: number;
  readonly firstTimestampMs: number;
  /** The broker's append time of all records, or undefined where records carry their own time. */
  readonly appendedAtMs: number | undefined;

  constructor(
    firstOffset: number,
    count: number,
    firstTimestampMs: number,
    appendedAtMs: number | undefined,
  ) {
    this.firstOffset = firstOffset;
    this.count = count;
    this.firstTimestampMs = firstTimestampMs;
    this.appendedAtMs = appendedAtMs;
  }
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
  if ((attributes & CONTROL) !== 0) {
    decoder.offset = start;
    return original(decoder);
  }
  const maxTimestamp = Number(batch.readBigInt64BE(AT.maxTimestamp));
  const lastOffset = firstOffset + batch.readInt32BE(AT.lastOffsetDelta);
  const rest = batch.subarray(AT.records);
  const codec = (attributes & COMPRESSION_MASK) === 0 ? null : lookupCodecByAttributes(attributes);
  const records = codec === null ? rest.subarray(4) : await codec.decompress(rest.subarray(4));
  const isAppendTime = (attributes & LOG_APPEND_TIME) !== 0;
  const firstTimestamp = Number(batch.readBigInt64BE(AT.firstTimestamp));
  const message = {
    offset: String(lastOffset),
    timestamp: String(maxTimestamp),
    key: null,
    value: records,
    headers: {},
    attributes: new WholeBatch(
      firstOffset,
      rest.readInt32BE(0),
      firstTimestamp,
      isAppendTime ? maxTimestamp : undefined,
    ),
    isControlRecord: false,
    batchContext: {
      producerId: batch.readBigInt64BE(AT.producerId).toString(),
      inTransaction: (attributes & TRANSACTIONAL) !== 0,
    },
  };
  return { records: [message] };
}
