// The one place that says what a valid event is. Returns undefined, or the code and what was wrong.
import { boundsFault } from "./bounds.ts";
import type { Fault, RejectCode } from "./codes.ts";
import { FIELDS, fieldsWith, LARGEST } from "./fields.ts";
import { idTimeMs, isUuidV7 } from "./id.ts";
import {
  BUSY,
  ENUMS,
  type EventRecord,
  isNull,
  NULLABLE_TEXTS,
  NUMBER_COUNT,
  NUMBERS,
  type NumberField,
  TEXTS,
  type TextField,
} from "./record.ts";
import { isCleanText } from "./text.ts";

export const TEXT_BYTES_MAX = 128;
/** Largest quantity that a record may carry: sums of two still fit in the 2^53 that JavaScript holds exactly. */
export const QUANTITY_MAX = LARGEST.uint64;
export const SPAN_MAX_US = 24 * 3600 * 1_000_000;
/** CUDA event times are float32 milliseconds and started_at/ended_at whole microseconds: 1 ms and a thousandth more. */
const GPU_TIME_SLACK_NS = 1_000_000;
export const FUTURE_MAX_MS = 5 * 60_000;

export interface AcceptedAge {
  /** Oldest accepted ended_at before the broker's append time, milliseconds. */
  readonly age_max_ms: number;
}

const fault = (code: RejectCode, detail: string): Fault => ({ code, detail });

const NUMBER_FIELDS = Object.keys(NUMBERS) as NumberField[];
/** By position in EventRecord.numbers; enums have been checked by the reader and times are compared with one another. */
const LIMIT_OF = Float64Array.from(NUMBER_FIELDS, (field) => {
  const { kind } = FIELDS[field];
  return kind === "enum" || kind === "time" ? Number.POSITIVE_INFINITY : LARGEST[kind];
});

/** @param ingestedAtMs the broker's append time, milliseconds since the Unix epoch */
export function validateEvent(event: EventRecord, ingestedAtMs: number, age: AcceptedAge): Fault | undefined {
  const numbers = event.numbers;
  for (let i = 0; i < NUMBER_COUNT; i++) {
    const value = numbers[i] as number;
    if (value > (LIMIT_OF[i] as number) || value < 0) return numberFault(i, value);
  }
  return (
    timeFault(event.bytes, event.id, started(numbers), ended(numbers), ingestedAtMs, age) ??
    gpuTimeFault(numbers) ??
    boundsFault(numbers) ??
    textFault(event)
  );
}

const started = (numbers: Float64Array): number => numbers[NUMBERS.started_at] as number;
const ended = (numbers: Float64Array): number => numbers[NUMBERS.ended_at] as number;

function numberFault(index: number, value: number): Fault {
  const field = NUMBER_FIELDS[index];
  return value < 0
    ? fault("EVENT_NUMBER_NEGATIVE", `${field} is ${value}`)
    : fault("EVENT_NUMBER_RANGE", `${field} is over ${LIMIT_OF[index]}`);
}

/** Order, span and age of a stretch of time, and that the id carries its end. Times in microseconds. */
export function timeFault(
  bytes: Uint8Array,
  idAt: number,
  startedAt: number,
  endedAt: number,
  ingestedAtMs: number,
  age: AcceptedAge,
): Fault | undefined {
  if (endedAt < startedAt)
    return fault("EVENT_TIME_REVERSED", `started_at ${startedAt}, ended_at ${endedAt}`);
  const endedAtMs = Math.floor(endedAt / 1000);
  if (endedAtMs > ingestedAtMs + FUTURE_MAX_MS) {
    return fault("EVENT_TIME_FUTURE", `ended_at is ${endedAtMs - ingestedAtMs} ms after the append time`);
  }
  if (endedAtMs < ingestedAtMs - age.age_max_ms) {
    return fault("EVENT_TIME_TOO_OLD", `ended_at is ${ingestedAtMs - endedAtMs} ms before the append time`);
  }
  if (endedAt - startedAt > SPAN_MAX_US) {
    return fault("EVENT_TOO_LONG", `it covers ${(endedAt - startedAt) / 1_000_000} s`);
  }
  if (!isUuidV7(bytes, idAt)) return fault("EVENT_ID_NOT_UUIDV7", "version or variant bits differ");
  const idMs = idTimeMs(bytes, idAt);
  if (idMs !== endedAtMs)
    return fault("EVENT_ID_TIME_MISMATCH", `id says ${idMs} ms, ended_at ${endedAtMs} ms`);
  return undefined;
}

function gpuTimeFault(numbers: Float64Array): Fault | undefined {
  const worldSize = numbers[NUMBERS.world_size] as number;
  const rank = numbers[NUMBERS.rank] as number;
  if (worldSize < 1 || rank >= worldSize) {
    return fault("EVENT_RANK_RANGE", `rank ${rank} of world_size ${worldSize}`);
  }
  const gpuTime = numbers[NUMBERS.gpu_time_ns] as number;
  // each rank sends events of its own, about a card of its own
  const span = (ended(numbers) - started(numbers)) * 1000;
  if (isBeyond(gpuTime, span)) {
    return fault("EVENT_GPU_TIME_EXCEEDS_SPAN", `gpu_time_ns ${gpuTime} over ${span} ns`);
  }
  if ((numbers[NUMBERS.communication_ns] as number) > gpuTime) {
    return fault("EVENT_PART_EXCEEDS_WHOLE", "communication_ns over gpu_time_ns");
  }
  return busyFault(numbers, span);
}

/** Busy time is bounded by the event's span and not by gpu_time_ns: streams that overlap hold the card in equal parts, and work by need. */
function busyFault(numbers: Float64Array, span: number): Fault | undefined {
  const busy = numbers[NUMBERS.gpu_busy_ns] as number;
  const gpuTime = numbers[NUMBERS.gpu_time_ns] as number;
  const quality = numbers[NUMBERS.busy_quality] as number;
  if (quality === BUSY.elapsed) {
    return isNull(busy) || busy === gpuTime
      ? undefined
      : fault("EVENT_BUSY_QUALITY", `quality elapsed, gpu_busy_ns ${busy} and gpu_time_ns ${gpuTime}`);
  }
  if (isNull(busy)) {
    return fault("EVENT_BUSY_QUALITY", `quality ${ENUMS.busy_quality[quality]} without gpu_busy_ns`);
  }
  return isBeyond(busy, span)
    ? fault("EVENT_BUSY_TIME_EXCEEDS_SPAN", `gpu_busy_ns ${busy} over ${span} ns`)
    : undefined;
}

/** A plausibility bound, not a sum that is billed; times in nanoseconds. */
export const isBeyond = (time: number, span: number): boolean =>
  time > span + span / 1000 + GPU_TIME_SLACK_NS;

const TEXT_FIELDS = Object.keys(TEXTS) as TextField[];
const TEXT_OPTIONAL = Uint8Array.from(TEXT_FIELDS, (field) => (NULLABLE_TEXTS.has(field) ? 1 : 0));
/** Texts past these go through a Dictionary, which checks the characters of each distinct value once. */
const PLAIN_TEXTS = fieldsWith({ kind: "text" }).length;

function textFault(event: EventRecord): Fault | undefined {
  for (let i = 0; i < TEXT_FIELDS.length; i++) {
    const length = event.lengths[i] as number;
    if (length === -1 && TEXT_OPTIONAL[i] === 1) continue;
    if (length < 1 || length > TEXT_BYTES_MAX) {
      return fault("EVENT_TEXT_LENGTH", `${TEXT_FIELDS[i]} has ${length} bytes`);
    }
    if (i < PLAIN_TEXTS && !isCleanText(event.bytes, event.starts[i] as number, length)) {
      return fault("EVENT_TEXT_INVALID", `${TEXT_FIELDS[i]}`);
    }
  }
  return undefined;
}
