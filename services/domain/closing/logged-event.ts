import { ENUMS, type EnumField, NUMBERS, type NumberField, TEXTS, type TextField } from "../event/record.ts";
import { HOUR_US, type Hour, hourStart } from "../time/hour.ts";
import { DIVIDED, slices, splitQuantity } from "../window/split.ts";

export type QuantityField = Exclude<NumberField, EnumField>;

/** The fields of an event as the log keeps them; an absent text is empty, an absent quantity null. */
export type EventFields = { readonly [name in TextField | EnumField]: string } & {
  readonly [name in QuantityField]: bigint | null;
};

/** One row of an event in the log: the event as it counts in one hour. */
export interface EventRow {
  /** 32 hexadecimal digits. */
  readonly event_id: string;
  readonly hour: Hour;
  /** Whether it is the event's last hour. */
  readonly home: boolean;
  readonly kafka_partition: number;
  readonly kafka_offset: bigint;
  /** Over the event's bytes when it was counted: 128 bits, of which the upper 64 are 0 where the hash has no key. */
  readonly payload_hash: bigint;
  readonly fields: EventFields;
}

export const EVENT_TEXT_FIELDS = [...Object.keys(TEXTS), ...Object.keys(ENUMS)] as (TextField | EnumField)[];
export const QUANTITY_FIELDS = Object.keys(NUMBERS).filter((name) => !(name in ENUMS)) as QuantityField[];

const KEYED_FROM = 1n << 64n;

const DIVIDED_NAMES: ReadonlySet<string> = new Set(DIVIDED);
/** The same in every hour of an event. */
const UNDIVIDED = QUANTITY_FIELDS.filter(
  (name) => !DIVIDED_NAMES.has(name) && name !== "started_at" && name !== "ended_at",
);

/** The event's rows put together again, in any order; null if they are not the hours that one event was split into. */
export function wholeEvent(rows: readonly EventRow[]): EventFields | null {
  const parts = rows.toSorted((a, b) => a.hour - b.hour);
  const first = parts[0];
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return null;
  if (!parts.every((part) => isPartOf(part, last))) return null;
  const sums: Partial<Record<QuantityField, bigint | null>> = {};
  for (const name of DIVIDED) {
    const values = parts.map(({ fields }) => fields[name]).filter((value) => value !== null);
    if (values.length !== 0 && values.length !== parts.length) return null;
    sums[name] = values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0n);
  }
  const whole = { ...last.fields, ...sums, started_at: first.fields.started_at };
  return isSplitInto(whole, parts) ? whole : null;
}

/** Whether the rows of an event are what was counted. `hashesOf`: the hashes that its bytes can have, with or without a key; none if no event has these values. */
export function isAsCounted(
  rows: readonly EventRow[],
  hashesOf: (event_id: string, fields: EventFields, isKeyed: boolean) => readonly bigint[],
): boolean {
  const whole = wholeEvent(rows);
  const [row] = rows;
  if (whole === null || row === undefined) return false;
  return hashesOf(row.event_id, whole, row.payload_hash >= KEYED_FROM).includes(row.payload_hash);
}

function isPartOf(part: EventRow, last: EventRow): boolean {
  return (
    part.kafka_partition === last.kafka_partition &&
    part.kafka_offset === last.kafka_offset &&
    part.payload_hash === last.payload_hash &&
    EVENT_TEXT_FIELDS.every((name) => part.fields[name] === last.fields[name]) &&
    UNDIVIDED.every((name) => part.fields[name] === last.fields[name])
  );
}

/** Sums alone would not show what was moved from one hour to another. */
function isSplitInto(whole: EventFields, parts: readonly EventRow[]): boolean {
  const started = exact(whole.started_at);
  const ended = exact(whole.ended_at);
  // rows of other hours than those it was split into would make a span that has no end
  if (started === null || ended === null || ended < started) return false;
  if (ended - started > parts.length * HOUR_US) return false;
  const expected = slices(started, ended);
  const areHoursSame =
    expected.length === parts.length &&
    expected.every((slice, index) => {
      const part = parts[index] as EventRow;
      return (
        part.hour === hourStart(slice.hour) &&
        part.fields.started_at === BigInt(slice.startedAt) &&
        part.fields.ended_at === BigInt(slice.endedAt) &&
        part.home === (index === expected.length - 1)
      );
    });
  if (!areHoursSame) return false;
  if (parts.length === 1) return true;
  return DIVIDED.every((name) => {
    const sum = whole[name];
    if (sum === null) return true;
    const total = exact(sum);
    if (total === null) return false;
    const shares = splitQuantity(total, expected);
    return parts.every(({ fields }, index) => fields[name] === BigInt(shares[index] ?? -1));
  });
}

/** As a number, if it is one exactly. */
function exact(value: bigint | null): number | null {
  if (value === null || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return Number(value);
}
