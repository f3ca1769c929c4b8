// Why a record was not counted. Codes are never reused or renamed: they are stored in usage_log.reject_code,
// shown to producers and listed in docs by test. The text says what to do about it.
export const REJECT_CODES = {
  BATCH_DAMAGED:
    "The record batch is damaged (checksum, compression or layout), so its records were not read; send them again.",
  BATCH_CODEC_UNKNOWN:
    "The record batch is compressed by none of gzip, snappy, lz4 and zstd; use one of them.",
  BATCH_TOO_LARGE:
    "The record batch is longer than METERHOUSE_BATCH_BYTES_MAX when decompressed; send smaller batches.",
  RECORD_EMPTY: "The record has no value; send the Avro bytes of an event.",
  RECORD_TOO_LARGE: "The value is longer than 65536 bytes; an event is a few hundred bytes long.",
  RECORD_KEY_MISSING:
    "The record has no key; use the 16 bytes of its id, so that copies meet in one partition.",
  RECORD_KEY_MISMATCH: "The key differs from the id inside the record; use the id's 16 bytes as the key.",
  RECORD_MISPLACED:
    "The record is in another partition than its key's; spread keys by murmur2 (librdkafka: partitioner=murmur2_random).",
  RECORD_UNKNOWN_FORMAT: "The first byte is neither C3 (Avro single object) nor 00 (Confluent header).",
  RECORD_UNKNOWN_SCHEMA:
    "No known schema has this fingerprint or id; add the schema to schemas/ and restart.",
  RECORD_TRUNCATED: "The Avro body ends before its last field; send it again whole.",
  RECORD_MALFORMED:
    "The Avro body does not follow its schema (union, enum or length out of range, bytes left over).",
  EVENT_ID_NOT_UUIDV7: "The id is not a UUIDv7; build it as schemas/README.md says.",
  EVENT_ID_TIME_MISMATCH: "The id's milliseconds differ from ended_at; build the id from ended_at.",
  EVENT_TEXT_LENGTH: "A text field is empty or longer than its limit.",
  EVENT_TEXT_INVALID:
    "A text field holds control, zero-width or bidirectional characters, is `.` or `..`, or is not UTF-8.",
  EVENT_NUMBER_NEGATIVE: "A quantity is negative.",
  EVENT_NUMBER_RANGE: "A number is larger than its field allows.",
  EVENT_TIME_REVERSED: "ended_at is before started_at.",
  EVENT_TIME_FUTURE:
    "ended_at is more than 5 minutes after the broker's append time; check the node's clock.",
  EVENT_TIME_TOO_OLD: "ended_at is older than the accepted age; bill it by a manual correction.",
  EVENT_TOO_LONG: "The event covers more than 24 hours; emit events at least every 60 s.",
  EVENT_RANK_RANGE: "rank must be below world_size, and world_size at least 1.",
  EVENT_GPU_TIME_EXCEEDS_SPAN:
    "gpu_time_ns is more than ended_at - started_at and the slack allow; each rank sends events of its own.",
  EVENT_BUSY_TIME_EXCEEDS_SPAN:
    "gpu_busy_ns is more than ended_at - started_at and the slack allow; it may exceed gpu_time_ns.",
  EVENT_BUSY_QUALITY:
    "busy_quality elapsed needs gpu_busy_ns equal to gpu_time_ns; sampled and counter need a gpu_busy_ns.",
  EVENT_PART_EXCEEDS_WHOLE: "communication_ns is larger than gpu_time_ns.",
  EVENT_POWER_EXCEEDS_CARD:
    "power_avg_mw or power_peak_mw is over 6 times power_limit_mw, or one of the three over 10 kW; send milliwatts.",
  EVENT_ENERGY_EXCEEDS_POWER:
    "energy_uj is more than the card draws in ended_at - started_at and 10 s; send microjoules, and this session's share.",
  EVENT_MEMORY_EXCEEDS_CARD:
    "memory_peak_bytes is over twice memory_total_bytes, or the card's memory over 32 TiB; send bytes.",
  EVENT_NVLINK_EXCEEDS_LINK:
    "nvlink_tx_bytes or nvlink_rx_bytes is more than 3.6 TB/s carry in the event's time and 10 s; send what the counter rose by.",
  EVENT_TOKENS_EXCEED_SPAN:
    "A count of tokens is more than 45 million a second for the event's time and 10 s; send this event's own tokens.",
  EVENT_STEPS_EXCEED_SPAN:
    "batch_steps is more than a million a second for the event's time and 10 s; send this event's own steps.",
  EVENT_BATCH_SIZE_RANGE:
    "batch_size_avg_milli is over a million sessions a step; send the mean of the steps, in thousandths.",
  EVENT_CONFLICT: "An event with the same id and other contents was counted before; the first one stands.",
  EVENT_TOKEN_MISSING:
    "The event is no load or warm-up and has no session_token; have the gateway sign one for the session.",
  EVENT_TOKEN_INVALID: "The session_token is none, or is not signed by the key that it names.",
  EVENT_TOKEN_KEY_UNKNOWN:
    "METERHOUSE_SESSION_KEYS_FILE has no key of the token's key id; give processors a new key before the gateway.",
  EVENT_TOKEN_EXPIRED: "The event began before its session_token was good, or ended after it expired.",
  EVENT_TOKEN_MISMATCH: "The session_token is of another tenant, project, model or session than the event.",
  CORRECTION_MAC_MISSING:
    "The void has no MAC that can be checked; void the event through the pricing service, which has the key.",
  CORRECTION_MAC_INVALID:
    "The MAC of a void or of a successor is not of its contents; void or amend through the pricing service.",
  CORRECTION_KEY_UNKNOWN:
    "No METERHOUSE_CORRECTION_KEY of the processor has the MAC's key id; give processors a new key before the pricing service.",
  TOTALS_NOT_CONSERVED: "wall_time_ns is not attributed + operator + idle + unattributed.",
  TOTALS_BUSY_NOT_CONSERVED:
    "busy_ns is not busy_attributed + busy_operator + unmetered, or only some of the four are there.",
  TOTALS_BUSY_QUALITY: "busy_quality is elapsed if and only if busy_ns is null.",
  TOTALS_ENERGY_NOT_CONSERVED:
    "energy_uj is not attributed + operator + idle + parked + unmetered, though all are there.",
  TOTALS_TIME_EXCEEDS_SPAN:
    "wall_time_ns is more than ended_at - started_at and the slack allow, or busy_ns than that and 1 s; one record is of one card.",
  TOTALS_ENERGY_EXCEEDS_POWER:
    "energy_uj or a part of it is more than 10 kW give in ended_at - started_at and 10 s; send microjoules.",
  TOTALS_STEPS_EXCEED_SPAN:
    "steps is more than a million a second for the record's time and 10 s; send what ran since the record before.",
  TOTALS_CROSS_MINUTE: "A totals record covers more than one minute of the clock.",
} as const;

export type RejectCode = keyof typeof REJECT_CODES;

export interface Fault {
  readonly code: RejectCode;
  /** What was wrong, where, and what was allowed. */
  readonly detail: string;
}
