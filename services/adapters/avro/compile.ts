// Turns the writer's schema of a gpu_time_event into a function that reads its body straight into an EventRecord.
// Generated code, because it is the hottest loop of the house: bench/ shows the ratio to avsc's objects. The source is made of
// our own literals and numbers only; nothing of a schema's text gets into it.
import {
  BUSY,
  ENUMS,
  type EnumField,
  type EventRecord,
  NULLABLE_NUMBERS,
  NULLABLE_TEXTS,
  NUMBERS,
  type NumberField,
  PROOFS,
  type Proof,
  TEXTS,
  type TextField,
  unsaidBusyQuality,
} from "../../domain/event/record.ts";
import type { AvroCursor } from "./cursor.ts";

export type DecodeEvent = (cursor: AvroCursor, event: EventRecord) => void;

type AvroType = string | readonly AvroType[] | ComplexType;
interface ComplexType {
  readonly type: AvroType;
  readonly name?: string;
  readonly symbols?: readonly string[];
  readonly size?: number;
  readonly items?: AvroType;
  readonly values?: AvroType;
  readonly fields?: readonly Field[];
}
interface Field {
  readonly name: string;
  readonly type: AvroType;
}
export interface RecordSchema {
  readonly type: "record";
  readonly name: string;
  readonly fields: readonly Field[];
}

/** @throws Error if the writer lacks a field that has no default, or has it in a type that cannot be read. */
export function compileEvent(writer: RecordSchema): DecodeEvent {
  const named = new Map<string, ComplexType>();
  const lines = writer.fields.map((field) => readField(field, named));
  const present = new Set(writer.fields.map((field) => field.name));
  lines.splice(contentFields(writer), 0, "event.contentEnd = cursor.position;");
  for (const [proof, index] of Object.entries(PROOFS)) {
    if (!present.has(proof)) lines.push(`event.proofLengths[${index}] = -1;`);
  }
  if (!present.has("event_id")) throw new Error("the writer's schema has no event_id");
  for (const field of Object.keys(NUMBERS) as NumberField[]) {
    if (!present.has(field)) lines.push(`numbers[${NUMBERS[field]}] = ${absentNumber(field, present)};`);
  }
  for (const field of Object.keys(TEXTS) as TextField[]) {
    if (present.has(field)) continue;
    if (!NULLABLE_TEXTS.has(field))
      throw new Error(`the writer's schema has no ${field}, which has no default`);
    lines.push(`lengths[${TEXTS[field]}] = -1;`);
  }
  const body = `"use strict";
const numbers = event.numbers, starts = event.starts, lengths = event.lengths;
${lines.join("\n")}`;
  return new Function("cursor", "event", body) as DecodeEvent;
}

/** How many fields say something of the event. Proofs that are not last count among them, so that nothing stands uncovered behind. */
function contentFields({ fields }: RecordSchema): number {
  return fields.findLastIndex(({ name }) => !(name in PROOFS)) + 1;
}

function absentNumber(field: NumberField, present: ReadonlySet<string>): string {
  if (field === "busy_quality") {
    const busy = `numbers[${NUMBERS.gpu_busy_ns}]`;
    const [known, unknown] = [true, false].map((isKnown) => BUSY[unsaidBusyQuality(isKnown)]);
    return present.has("gpu_busy_ns") ? `${busy} >= 0 ? ${known} : ${unknown}` : `${unknown}`;
  }
  if (!NULLABLE_NUMBERS.has(field))
    throw new Error(`the writer's schema has no ${field}, which has no default`);
  return "NaN";
}

function readField(field: Field, named: Map<string, ComplexType>): string {
  if (field.name === "event_id") {
    if (fixedSize(field.type, named) !== 16) throw new Error("event_id must be fixed 16");
    return "event.id = cursor.skip(16);";
  }
  if (field.name in NUMBERS) {
    const name = field.name as NumberField;
    return optional(
      field.type,
      NULLABLE_NUMBERS.has(name),
      `numbers[${NUMBERS[name]}] = NaN;`,
      (type) => `numbers[${NUMBERS[name]}] = ${readNumber(name, type, named)};`,
    );
  }
  if (field.name in TEXTS) {
    const index = TEXTS[field.name as TextField];
    return optional(
      field.type,
      NULLABLE_TEXTS.has(field.name as TextField),
      `lengths[${index}] = -1;`,
      (type) => {
        if (type !== "string") throw new Error(`${field.name} must be a string`);
        return `cursor.text(starts, lengths, ${index});`;
      },
    );
  }
  if (field.name in PROOFS) {
    const index = PROOFS[field.name as Proof];
    return optional(field.type, true, `event.proofLengths[${index}] = -1;`, (type) => {
      if (type !== "string") throw new Error(`${field.name} must be a string`);
      return `cursor.text(event.proofStarts, event.proofLengths, ${index});`;
    });
  }
  return skip(field.type, named);
}

/** Code for a union with null, or for the plain type. A null where the reader wants a value is malformed. */
function optional(
  type: AvroType,
  nullable: boolean,
  onNull: string,
  read: (type: AvroType) => string,
): string {
  if (!Array.isArray(type)) return read(type);
  const branches = type as readonly AvroType[];
  return choose(
    branches.map((branch) => (branch === "null" ? (nullable ? onNull : MALFORMED) : read(branch))),
  );
}

const MALFORMED = "cursor.malformed();";

const choose = (branches: readonly string[]): string =>
  `switch (cursor.long()) { ${branches.map((code, i) => `case ${i}: { ${code} break; }`).join(" ")} default: ${MALFORMED} }`;

function readNumber(field: NumberField, type: AvroType, named: Map<string, ComplexType>): string {
  const plain = resolve(type, named);
  if (field in ENUMS) {
    const symbols =
      typeof plain === "object" && !Array.isArray(plain) ? (plain as ComplexType).symbols : undefined;
    if (symbols === undefined) throw new Error(`${field} must be an enum`);
    const known: readonly string[] = ENUMS[field as EnumField];
    const map = symbols.map((symbol) => known.indexOf(symbol));
    return `cursor.enumeration([${map.join(",")}])`;
  }
  if (base(plain) !== "long" && base(plain) !== "int") throw new Error(`${field} must be a long or an int`);
  return "cursor.long()";
}

/** Follows a named type to its definition, and remembers definitions on the way. */
function resolve(type: AvroType, named: Map<string, ComplexType>): AvroType {
  if (typeof type === "string") return named.get(type) ?? type;
  if (!Array.isArray(type)) {
    const complex = type as ComplexType;
    if (complex.name !== undefined) named.set(complex.name, complex);
  }
  return type;
}

const base = (type: AvroType): AvroType =>
  typeof type === "object" && !Array.isArray(type) ? (type as ComplexType).type : type;

function fixedSize(type: AvroType, named: Map<string, ComplexType>): number | undefined {
  const plain = resolve(type, named);
  return base(plain) === "fixed" ? (plain as ComplexType).size : undefined;
}

function skip(type: AvroType, named: Map<string, ComplexType>): string {
  const plain = resolve(type, named);
  if (Array.isArray(plain)) return choose(plain.map((branch: AvroType) => skip(branch, named)));
  switch (base(plain)) {
    case "null":
      return "";
    case "boolean":
      return "cursor.skip(1);";
    case "int":
    case "long":
    case "enum":
      return "cursor.long();";
    case "float":
      return "cursor.skip(4);";
    case "double":
      return "cursor.skip(8);";
    case "string":
    case "bytes":
      return "cursor.skip(cursor.length());";
    case "fixed":
      return `cursor.skip(${Number((plain as ComplexType).size)});`;
    case "record":
      return ((plain as ComplexType).fields ?? []).map((field) => skip(field.type, named)).join(" ");
    case "array":
      return skipBlocks(skip((plain as ComplexType).items ?? "null", named));
    case "map":
      return skipBlocks(
        `cursor.skip(cursor.length()); ${skip((plain as ComplexType).values ?? "null", named)}`,
      );
    default:
      throw new Error(`cannot skip a field of type ${JSON.stringify(base(plain))}`);
  }
}

/** Blocks of arrays and maps: a count, negative when a size in bytes follows; 0 ends them. */
const skipBlocks = (item: string): string =>
  `for (let count = cursor.long(); count !== 0 && !cursor.failed; count = cursor.long()) { ` +
  `if (count < 0) cursor.skip(cursor.length()); else for (; count > 0 && !cursor.failed; count--) { ${item} } }`;
