// The shapes of what the API takes and gives. Money and integers of 64 bits are texts; units stand last in a name.

import Type, { type TProperties } from "typebox";
import { USAGE_KEYS } from "../domain/closing/usage.ts";
import { REJECT_CODES } from "../domain/event/codes.ts";
import {
  CARD_FIELDS,
  FIELD_NAMES,
  type FIELDS,
  type Field,
  type FieldName,
  type FieldsWith,
  fieldOf,
  fieldsWith,
} from "../domain/event/fields.ts";
import { UNCLEAN } from "../domain/event/text.ts";
import { CHARGE_FACTORS } from "../domain/rating/charges.ts";

export const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
export const nullable = <P extends TProperties[string]>(schema: P) => Type.Union([schema, Type.Null()]);

/** One of several words. */
export const oneOf = <W extends string>(words: readonly W[]) =>
  Type.Unsafe<W>(Type.Union(words.map((word) => Type.Literal(word))));

export const Text = Type.String();
export const Whole = Type.String({ pattern: "^-?[0-9]{1,39}$", description: "A whole number" });
/** A decimal of 12 digits, and what it is. */
export const decimalOf = (description: string) =>
  Type.String({ pattern: "^-?[0-9]{1,26}[.][0-9]{12}$", description });
export const Decimal = decimalOf("A decimal with 12 digits after the point");
export const Count = Type.Integer({ minimum: 0 });
export const Moment = Type.String({ description: "A timestamp in UTC, such as 2026-11-23T10:00:00.123Z" });
export const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const HourText = Type.String({
  pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00(:00([.]0{1,9})?)?Z$",
  description: "The start of an hour in UTC, such as 2026-11-23T10:00:00Z",
});
/** Escaped where four digits say it; written out beyond, as not every reader of a pattern knows longer escapes. */
const character = (code: number): string =>
  code > 0xffff ? String.fromCodePoint(code) : `\\u${code.toString(16).padStart(4, "0")}`;
/** What the processor takes as text, so that whatever it counts can be named here and nothing else. */
const NO_TEXT = UNCLEAN.map(([from, to]) => `${character(from)}-${character(to)}`).join("");
const NO_POINTS = "(?!\\.{1,2}$)";
const CLEAN = `^${NO_POINTS}[^${NO_TEXT}]*$`;
export const TenantId = Type.String({ minLength: 1, maxLength: 128, pattern: CLEAN });
export const EventId = Type.String({
  pattern: "^[0-9a-f]{32}$",
  description: "The UUID of the event as 32 hexadecimal digits",
});
const ChargeId = Type.String({ pattern: "^[0-9]{10}-[0-9]{1,9}-[0-9]{1,9}-[0-9a-f]{24}$" });
const Revision = Type.String({
  pattern: "^[0-9]{1,9}$",
  description: "A revision number; the newest if absent",
});
const Cursor = Type.String({
  pattern: "^[A-Za-z0-9_-]{1,1024}$",
  description: "`next_cursor` of the previous page",
});
const Limit = Type.String({
  pattern: "^([1-9][0-9]{0,2}|1000)$",
  description: "Items per page, 1 to 1000; 100 if absent",
});
export const Reason = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: `^${NO_POINTS}[^${NO_TEXT}]*[^\\u0020${NO_TEXT}]$`,
});

export const PAGE = { cursor: Type.Optional(Cursor), limit: Type.Optional(Limit) };
export const RANGE = { from: HourText, to: HourText };
export const OPTIONAL_TENANT = { tenant_id: Type.Optional(TenantId) };
export const query = closed;
export const params = closed;
export const RevisionQuery = closed({ revision: Type.Optional(Revision) });

/** A page of a list, with the cursor of the next one where there is one. */
export const page = <T extends TProperties[string]>(item: T) =>
  closed({ items: Type.Array(item), next_cursor: nullable(Text) });

export const FaultShape = closed({ path: Text, code: Text, message: Text });

export const KeyShape = closed({
  key_id: Text,
  scope: Type.Union([Type.Literal("tenant"), Type.Literal("operator"), Type.Literal("admin")]),
  tenant_id: Text,
  name: Text,
  is_revoked: Type.Boolean(),
  written_at: Moment,
  written_by: Text,
});

const BOOK_STATUS = Type.Union([Type.Literal("draft"), Type.Literal("published")]);
export const BookSummary = closed({
  price_book: Hash,
  name: Text,
  effective_from: HourText,
  currency: Text,
  status: BOOK_STATUS,
});
export const BookShape = closed({ ...BookSummary.properties, content: Type.Unknown() });
export const BookCheck = closed({
  is_valid: Type.Boolean(),
  price_book: nullable(Hash),
  faults: Type.Array(FaultShape),
});
export const BookHash = params({ price_book: Hash });
export const BookDiff = closed({
  before: Hash,
  after: Hash,
  changes: Type.Array(closed({ path: Text, before: nullable(Text), after: nullable(Text) })),
});
export const DiffQuery = query({ against: Hash });

/** A text of each name. */
const texts = <N extends string>(names: readonly N[]) =>
  Object.fromEntries(names.map((name) => [name, Text])) as { [name in N]: typeof Text };
export const CARD = texts(CARD_FIELDS);

const CHARGE_KEY = {
  charge_id: ChargeId,
  hour: HourText,
  revision: Count,
  rating: Count,
  payer: Type.Union([Type.Literal("tenant"), Type.Literal("operator")]),
  billed_to: Text,
  ...texts(USAGE_KEYS),
  currency: Text,
  events: Whole,
  gpu_time_ns: Type.String({ ...Whole, description: "Elapsed GPU time" }),
  busy_ns: Type.String({
    ...Whole,
    description:
      "Time that the card worked; elapsed time where that is unknown. 0 if rated before it was kept",
  }),
};
const APPORTIONMENTS = Type.Array(Text, {
  description: "How step time was shared among sessions: policies and their versions",
});

export const ChargeShape = closed({
  ...CHARGE_KEY,
  gpu_hours: Decimal,
  rate_per_gpu_hour: Decimal,
  busy_counter_share: decimalOf("Part of the GPU time whose busy time is from the card's counter"),
  busy_sampled_share: decimalOf("Part of the GPU time whose busy time is from samples"),
  busy_elapsed_share: decimalOf("Part of the GPU time whose busy time is unknown, and taken as elapsed"),
  busy_ratio: decimalOf("Busy / elapsed time"),
  composite: Decimal,
  quality: Decimal,
  charge: Decimal,
  apportionments: APPORTIONMENTS,
});

const ChargeTerms = closed({
  ...CHARGE_KEY,
  is_current: Type.Boolean(),
  price_book: Hash,
  formula: Text,
  ...(Object.fromEntries(CHARGE_FACTORS.map((name) => [name, Decimal])) as {
    [name in (typeof CHARGE_FACTORS)[number]]: typeof Decimal;
  }),
  apportionments: APPORTIONMENTS,
  hour_content_hash: Hash,
  hour_chain_hash: Hash,
  hour_closed_at: Moment,
  hour_reason: Text,
});
export const Explanation = closed({
  charge: ChargeTerms,
  steps: Type.Array(closed({ what: Text, how: Text, value: Decimal })),
});
export const ChargeParams = params({ charge_id: ChargeId });

export const SessionShape = closed({
  session_id: Text,
  events: Whole,
  started_at: Moment,
  ended_at: Moment,
  gpu_time_ns: Whole,
  memory_peak_bytes: Whole,
  energy_uj: Whole,
  tokens_in: Whole,
  tokens_out: Whole,
  apportionments: APPORTIONMENTS,
});

/** How the API gives a field: integers that JSON numbers hold are numbers. */
type ShapeOf<F> = F extends { kind: "uint64"; nullable: true }
  ? Type.TUnion<[typeof Whole, Type.TNull]>
  : F extends { kind: "uint64" }
    ? typeof Whole
    : F extends { kind: "uint32"; nullable: true }
      ? Type.TUnion<[typeof Count, Type.TNull]>
      : F extends { kind: "uint16" | "uint32" }
        ? typeof Count
        : typeof Text;
type MeasuredField = Exclude<
  FieldName,
  FieldsWith<{ readonly kind: "id" | "time" }> | FieldsWith<{ readonly usage_key: true }>
>;

function shapeOf(field: Field) {
  const isNumber = field.kind === "uint64" || field.kind === "uint32" || field.kind === "uint16";
  if (!isNumber) return Text;
  const shape = field.kind === "uint64" ? Whole : Count;
  return field.nullable ? nullable(shape) : shape;
}

const MEASURED = {
  ...(Object.fromEntries(
    FIELD_NAMES.map((name) => [name, fieldOf(name)] as const)
      .filter(([, { kind, usage_key }]) => kind !== "id" && kind !== "time" && !usage_key)
      .map(([name, field]) => [name, shapeOf(field)]),
  ) as { [N in MeasuredField]: ShapeOf<(typeof FIELDS)[N]> }),
  kafka_partition: Count,
  kafka_offset: Whole,
  ingested_at: Moment,
};
export const ChargedEvent = closed({ event_id: EventId, ...MEASURED, started_at: Moment, ended_at: Moment });
export const SessionQuery = query({
  ...PAGE,
  session_id: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
});

/** An event as the log has it; times in microseconds since 1970. */
export const EventRow = closed({
  id: EventId,
  ...MEASURED,
  ...texts(USAGE_KEYS),
  started_at: Whole,
  ended_at: Whole,
  hours: Type.Array(HourText),
});
export const EventParams = params({ event_id: EventId });

const CorrectionShape = closed({
  event_id: EventId,
  action: Type.Union([Type.Literal("void"), Type.Literal("amend"), Type.Literal("successor")]),
  /** Of an amended event its successor; of a successor the event that it stands for. */
  other_event_id: nullable(EventId),
  reason: Text,
  written_by: Text,
  written_at: Moment,
});
export const EventHistory = closed({
  event: EventRow,
  /** Orders in the log that take the event out. */
  voids: Type.Array(closed({ reason: Text, issued_by: Text, issued_at: Moment, ingested_at: Moment })),
  /** Corrections made through this API. */
  corrections: Type.Array(CorrectionShape),
  /** Revisions of the event's hours. */
  revisions: Type.Array(closed({ hour: HourText, revision: Count, reason: Text, closed_at: Moment })),
});
export const VoidBody = closed({ reason: Reason });

export const Name = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: CLEAN,
});
const Quantity = Type.String({ pattern: "^[0-9]{1,15}$", description: "A whole number below 10^15" });
export const Tokens = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });
type ChangeOf<F> = F extends { kind: "uint64"; nullable: true }
  ? Type.TUnion<[typeof Quantity, Type.TNull]>
  : F extends { kind: "uint64" }
    ? typeof Quantity
    : F extends { kind: "uint32" }
      ? typeof Tokens
      : F extends { symbols: readonly (infer S extends string)[] }
        ? Type.TUnsafe<S>
        : F extends { nullable: true }
          ? Type.TUnion<[typeof Name, Type.TNull]>
          : typeof Name;

function changeOf(field: Field) {
  if (field.kind === "enum") return oneOf(field.symbols);
  const shape = field.kind === "uint64" ? Quantity : field.kind === "uint32" ? Tokens : Name;
  return field.nullable ? nullable(shape) : shape;
}

export const Changes = Type.Object(
  Object.fromEntries(
    fieldsWith({ amendable: true }).map((name) => [name, Type.Optional(changeOf(fieldOf(name)))]),
  ) as {
    [N in FieldsWith<{ readonly amendable: true }>]: Type.TOptional<ChangeOf<(typeof FIELDS)[N]>>;
  },
  { additionalProperties: false, minProperties: 1 },
);
export const AmendBody = closed({ reason: Reason, changes: Changes });
export const CorrectionReply = closed({
  event_id: EventId,
  action: CorrectionShape.properties.action,
  successor_id: nullable(EventId),
  /** Revised by themselves once settlement has passed over the order. */
  hours: Type.Array(HourText),
});

const UsageLine = closed({
  project_id: Text,
  model: Text,
  gpu_model: Text,
  sharing: Text,
  phase: Text,
  outcome: Text,
  events: Whole,
  gpu_time_ns: Whole,
  energy_uj: Whole,
  tokens_in: Whole,
  tokens_out: Whole,
});
const UsageLines = Type.Array(UsageLine);
export const LiveUsage = closed({
  tenant_id: Text,
  from: HourText,
  /** When the newest counted record was appended to Kafka; null if none was in the last days. */
  counted_until: nullable(Moment),
  /** Milliseconds since then. */
  age_ms: nullable(Count),
  gpu_time_ns: Whole,
  lines: UsageLines,
});

export const AccountingRow = closed({
  hour: HourText,
  tenant_id: Text,
  received: Whole,
  counted: Whole,
  duplicates: Whole,
  conflicts: Whole,
  rejected: Whole,
});
const RejectedRow = closed({
  kafka_partition: Count,
  kafka_offset: Whole,
  ingested_at: Moment,
  reject_code: Text,
  reject_detail: Text,
  tenant_id: Text,
  key_base64: Text,
  value_base64: Text,
});
export const RejectedShape = closed({
  ...RejectedRow.properties,
  /** What the code means and what to do. */
  advice: Text,
  /** The same bytes may be counted when they are sent again: nothing in them is wrong. */
  is_worth_sending_again: Type.Boolean(),
  topic: Text,
});
export const RejectedQuery = query({
  ...PAGE,
  ...OPTIONAL_TENANT,
  code: Type.Optional(Type.Union(Object.keys(REJECT_CODES).map((code) => Type.Literal(code)))),
});

export const HourRow = closed({
  hour: HourText,
  revision: Count,
  reason: Text,
  sequence: Whole,
  content_hash: Hash,
  chain_hash: Hash,
  previous_hash: Hash,
  balanced: Type.Boolean(),
  events: Whole,
  voided: Whole,
  closed_at: Moment,
});
export const HourParams = params({ hour: HourText });
export const KeyParams = params({ key_id: Type.String({ pattern: "^[0-9a-f]{12}$" }) });
