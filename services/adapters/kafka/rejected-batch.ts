// A batch that cannot be decoded, as records that are rejected: one for each of its offsets, the first of which keeps its bytes.
import { createHash } from "node:crypto";
import { KafkaRecord, VALUE_BYTES_MAX } from "../../domain/block/record-run.ts";
import type { Fault } from "../../domain/event/codes.ts";
import type { WholeBatchFields } from "./whole-batch.ts";

/** A few bytes can stand for millions of offsets: the last row stands for those beyond. */
const ROWS_MAX = 10_000;

export interface Rejection {
  readonly fault: Fault;
  /** First offset that was not read. */
  readonly from: number;
  readonly nowMs: number;
  readonly offsetMax: number;
}

/**
 * A key or a value of more than VALUE_BYTES_MAX makes the record a rejected one, of which the beginning is kept: enough to see who
 * sent it; Kafka has the rest.
 */
export function cutOversize(record: KafkaRecord): void {
  const { bytes, keyStart, keyLength, valueStart, valueLength } = record;
  record.fault = undefined;
  if (valueLength > VALUE_BYTES_MAX) {
    const value = bytes.subarray(valueStart, valueStart + valueLength);
    record.fault = { code: "RECORD_TOO_LARGE", detail: sizeAndHash(value) };
    record.valueLength = VALUE_BYTES_MAX;
  }
  if (keyLength > VALUE_BYTES_MAX) {
    const key = bytes.subarray(keyStart, keyStart + keyLength);
    record.fault ??= { code: "RECORD_KEY_MISMATCH", detail: `key of ${sizeAndHash(key)}` };
    record.keyLength = VALUE_BYTES_MAX;
  }
}

const sizeAndHash = (bytes: Uint8Array): string =>
  `${bytes.length} bytes, SHA-256 ${createHash("sha256").update(bytes).digest("hex")}`;

/** The same object every time. */
export function* rejectedBatch(
  batch: WholeBatchFields,
  { fault, from, nowMs, offsetMax }: Rejection,
): Generator<KafkaRecord, undefined> {
  const last = Math.max(from, Math.min(batch.lastOffset, offsetMax));
  const record = new KafkaRecord();
  // a damaged time of the future would close hours that are not over
  record.ingestedAtMs = Math.max(0, Math.min(batch.maxTimestampMs, nowMs));
  record.bytes = batch.bytes;
  record.view = new DataView(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
  record.valueLength = Math.min(batch.bytes.length, VALUE_BYTES_MAX);
  const whole = `${fault.detail}; batch of ${sizeAndHash(batch.bytes)}`;
  const lastRow = Math.min(last, from + ROWS_MAX - 1);
  for (let offset = from; offset <= lastRow; offset++) {
    record.offset = offset;
    const rest = offset === lastRow && last > lastRow ? `; stands for the offsets to ${last}` : "";
    const detail = offset === from ? whole : `${fault.detail}; bytes are with offset ${from}`;
    record.fault = { code: fault.code, detail: detail + rest };
    yield record;
    record.valueLength = -1;
  }
}
