// One decoded gpu_time_event, held in two typed arrays that are filled anew for every record: no object per event.
// Numbers are integers below 2^53, checked by validate; NULL (NaN) stands for Avro's null. Texts are ranges of `bytes`.

import { FIELD_NAMES, FIELDS, type FieldName, type FieldsWith, fieldsWith } from "./fields.ts";

/** Marks an absent nullable number. Never reaches arithmetic: every reader tests it with isNull. */
export const NULL = Number.NaN;
export const isNull = (value: number): boolean => Number.isNaN(value);

/** An index for each name, from 0 on. */
const indexed = <N extends string>(names: readonly N[]) =>
  Object.fromEntries(names.map((name, index) => [name, index])) as { readonly [name in N]: number };

export type NumberField = Exclude<FieldName, FieldsWith<{ readonly kind: "id" | "text" | "dictionary" }>>;
const OTHERS: ReadonlySet<string> = new Set(["id", "text", "dictionary"]);
/** Index of each number in `EventRecord.numbers`, in the order of the schema. */
export const NUMBERS = indexed(
  FIELD_NAMES.filter((name): name is NumberField => !OTHERS.has(FIELDS[name].kind)),
);
export const NUMBER_COUNT = Object.keys(NUMBERS).length;

export type TextField = FieldsWith<{ readonly kind: "text" | "dictionary" }>;
/**
 * Index of each text in `EventRecord.starts` and `.lengths`; length -1 stands for null. Those that go through no dictionary are
 * the first.
 */
export const TEXTS = indexed<TextField>([
  ...fieldsWith({ kind: "text" }),
  ...fieldsWith({ kind: "dictionary" }),
]);
const TEXT_COUNT = Object.keys(TEXTS).length;

/**
 * Who vouches for the event. These stand last in the body and in no column: they are no part of what is counted, and an event
 * that comes again with another token is a copy.
 */
export const PROOFS = indexed(["session_token", "correction_mac"]);
export type Proof = keyof typeof PROOFS;
const PROOF_COUNT = Object.keys(PROOFS).length;

export type EnumField = FieldsWith<{ readonly kind: "enum" }>;
/** Enum symbols in the order of the schema; SQL stores index + 1 and keeps 0 for "no value". */
export const ENUMS = Object.fromEntries(
  fieldsWith({ kind: "enum" }).map((name) => [name, FIELDS[name].symbols]),
) as { readonly [name in EnumField]: (typeof FIELDS)[name]["symbols"] };

const busySymbol = (symbol: (typeof ENUMS)["busy_quality"][number]) => ENUMS.busy_quality.indexOf(symbol);
/** Values of `busy_quality` in `EventRecord.numbers`. */
export const BUSY = {
  elapsed: busySymbol("elapsed"),
  sampled: busySymbol("sampled"),
  counter: busySymbol("counter"),
} as const;

/** The quality that an event of version 1 has: it says nothing of it, but busy time came from samples alone. */
export const unsaidBusyQuality = (isBusyKnown: boolean): "elapsed" | "sampled" =>
  isBusyKnown ? "sampled" : "elapsed";

/** Nullable numbers of the schema; all others are mandatory. */
export const NULLABLE_NUMBERS: ReadonlySet<NumberField> = new Set(
  fieldsWith({ nullable: true }).filter((name) => name in NUMBERS) as NumberField[],
);

/** Texts that may be null (or not there); stored as the empty string, which no present value can be. */
export const NULLABLE_TEXTS: ReadonlySet<TextField> = new Set(
  fieldsWith({ nullable: true }).filter((name) => name in TEXTS) as TextField[],
);

export class EventRecord {
  /** The buffer that holds the Avro body. Texts and the id are ranges of it until the next record is read. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same buffer, for reading four bytes at once. */
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the 16 bytes of event_id start in `bytes`. */
  id = 0;
  /** Start of the Avro body in `bytes`, and the end of what it says of the event: the payload hash and the MAC cover this. */
  bodyStart = 0;
  contentEnd = 0;
  readonly numbers = new Float64Array(NUMBER_COUNT);
  readonly starts = new Int32Array(TEXT_COUNT);
  readonly lengths = new Int32Array(TEXT_COUNT);
  /** As `starts` and `lengths`, of PROOFS. */
  readonly proofStarts = new Int32Array(PROOF_COUNT);
  readonly proofLengths = new Int32Array(PROOF_COUNT);
}
