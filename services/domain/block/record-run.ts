import type { Fault } from "../event/codes.ts";

/** No value is longer: an event is a few hundred bytes. Of what cannot be counted so much is kept. */
export const VALUE_BYTES_MAX = 65_536;

/** One record as it lies in a fetch: ranges of a buffer that is reused once the record was dealt with. */
export class KafkaRecord {
  offset = 0;
  /** The broker's append time, milliseconds since the Unix epoch. */
  ingestedAtMs = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** The same buffer as `bytes`. */
  view: DataView = new DataView(new ArrayBuffer(0));
  keyStart = 0;
  /** -1 for no key. */
  keyLength = -1;
  valueStart = 0;
  /** -1 for no value. */
  valueLength = -1;
  /** Set where the record could not be read at all; what there is of it is the value. */
  fault: Fault | undefined;
}

/** Records of one partition in order of offset, one at a time, valid until the next. */
export interface RecordRun {
  readonly record: KafkaRecord;
  /** Moves on to the next record; false at the end. */
  next(): boolean;
}

export const copyOf = (bytes: Uint8Array, start: number, length: number): Uint8Array =>
  length < 0 ? new Uint8Array(0) : bytes.slice(start, start + length);

/** A record over its own copy of a key and a value. */
export function recordOf(
  offset: number,
  ingestedAtMs: number,
  key: Uint8Array | null,
  value: Uint8Array | null,
): KafkaRecord {
  const record = new KafkaRecord();
  const keyLength = key?.length ?? 0;
  const bytes = new Uint8Array(keyLength + (value?.length ?? 0));
  if (key !== null) bytes.set(key);
  if (value !== null) bytes.set(value, keyLength);
  record.offset = offset;
  record.ingestedAtMs = ingestedAtMs;
  record.bytes = bytes;
  record.view = new DataView(bytes.buffer);
  record.keyLength = key === null ? -1 : keyLength;
  record.valueStart = keyLength;
  record.valueLength = value === null ? -1 : value.length;
  return record;
}
