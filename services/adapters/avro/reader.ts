// Tells records apart by their header and reads them: events into an EventRecord without making objects, the rare totals
// and voids through avsc.
import type { Type } from "avsc";
import avro from "avsc";
import type { RejectCode } from "../../domain/event/codes.ts";
import { ENUMS, type EventRecord } from "../../domain/event/record.ts";
import type { EventVoid, GpuTotals, Read, RecordReader } from "../../domain/event/reader.ts";
import { compileEvent, type DecodeEvent, type RecordSchema } from "./compile.ts";
import { AvroCursor } from "./cursor.ts";
import { fingerprint } from "./fingerprint.ts";
import type { KnownSchema } from "./schemas.ts";

export const VALUE_BYTES_MAX = 65_536;
const SINGLE_OBJECT_HEADER = 10;
const CONFLUENT_HEADER = 5;

type Decode =
  | { readonly record: "gpu_time_event"; readonly decode: DecodeEvent }
  | { readonly record: "gpu_totals" | "event_void"; readonly decode: (body: Buffer) => unknown };

const EVENT: Read = { type: "event" };
const unreadable = (code: RejectCode, detail: string): Read => ({ type: "unreadable", code, detail });

export interface ReaderOptions {
  /** Every version of every schema, newest last. */
  readonly schemas: readonly KnownSchema[];
  /** Confluent schema ids, for producers that use a registry: id -> "record/version". */
  readonly confluentIds?: ReadonlyMap<number, string>;
}

export function createRecordReader(options: ReaderOptions): RecordReader {
  const byFingerprint = new Map<string, Decode>();
  const byName = new Map<string, Decode>();
  for (const known of options.schemas) {
    const decode = decodeOf(known);
    byFingerprint.set(fingerprint(known.schema).toString(16).padStart(16, "0"), decode);
    byName.set(`${known.record}/${known.version}`, decode);
  }
  const byId = new Map<number, Decode>();
  for (const [id, name] of options.confluentIds ?? []) {
    const decode = byName.get(name);
    if (decode === undefined) throw new Error(`Confluent id ${id} names ${name}, which is not in schemas/`);
    byId.set(id, decode);
  }
  return new Reader(byFingerprint, byId);
}

/** The first version of a record is what this code reads; later writers are resolved to it, as Avro specifies. */
function decodeOf(known: KnownSchema): Decode {
  if (known.record === "gpu_time_event") {
    return { record: known.record, decode: compileEvent(known.schema as unknown as RecordSchema) };
  }
  const reader = avro.Type.forSchema(known.reader);
  const writer = avro.Type.forSchema(known.schema);
  const resolver = reader.createResolver(writer as Type);
  return { record: known.record, decode: (body) => reader.fromBuffer(body, resolver) };
}

class Reader implements RecordReader {
  private readonly byFingerprint: ReadonlyMap<string, Decode>;
  private readonly byId: ReadonlyMap<number, Decode>;
  private readonly cursor = new AvroCursor();
  /** The fetch that the last value lay in, and the whole of it: values of one fetch share a buffer. */
  private fetched: ArrayBufferLike | undefined;
  private whole: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private lastHeader = new Uint8Array(8);
  private lastDecode: Decode | undefined;

  constructor(byFingerprint: ReadonlyMap<string, Decode>, byId: ReadonlyMap<number, Decode>) {
    this.byFingerprint = byFingerprint;
    this.byId = byId;
  }

  read(value: Uint8Array, event: EventRecord): Read {
    if (value.length === 0) return unreadable("RECORD_EMPTY", "0 bytes");
    if (value.length > VALUE_BYTES_MAX) return unreadable("RECORD_TOO_LARGE", `${value.length} bytes`);
    const single = value[0] === 0xc3 && value[1] === 0x01;
    if (!single && value[0] !== 0) return unreadable("RECORD_UNKNOWN_FORMAT", `first byte ${value[0]}`);
    const header = single ? SINGLE_OBJECT_HEADER : CONFLUENT_HEADER;
    if (value.length < header) return unreadable("RECORD_TRUNCATED", "the header is cut");
    const decode = single ? this.decodeOf(value) : this.byId.get(confluentId(value));
    if (decode === undefined) return unreadable("RECORD_UNKNOWN_SCHEMA", schemaName(value, single));
    if (decode.record === "gpu_time_event") return this.readEvent(value, header, decode.decode, event);
    return readObject(value, header, decode.record, decode.decode);
  }

  private decodeOf(value: Uint8Array): Decode | undefined {
    let same = this.lastDecode !== undefined;
    for (let i = 0; i < 8 && same; i++) same = this.lastHeader[i] === value[i + 2];
    if (same) return this.lastDecode;
    const decode = this.byFingerprint.get(fingerprintOf(value));
    if (decode !== undefined) {
      this.lastHeader.set(value.subarray(2, SINGLE_OBJECT_HEADER));
      this.lastDecode = decode;
    }
    return decode;
  }

  private readEvent(value: Uint8Array, header: number, decode: DecodeEvent, event: EventRecord): Read {
    if (value.buffer !== this.fetched) {
      this.fetched = value.buffer;
      this.whole = new Uint8Array(value.buffer);
      this.view = new DataView(value.buffer);
    }
    const start = value.byteOffset + header;
    const end = value.byteOffset + value.length;
    event.bytes = this.whole;
    event.view = this.view;
    event.bodyStart = start;
    event.bodyEnd = end;
    this.cursor.start(this.whole, start, end);
    decode(this.cursor, event);
    const fault = this.cursor.finish();
    return fault === undefined ? EVENT : unreadable(fault, `${end - start} bytes of body`);
  }
}

/** Little endian on the wire, written big endian as people and tools print it. */
const fingerprintOf = (value: Uint8Array): string =>
  Buffer.from(value.subarray(2, SINGLE_OBJECT_HEADER)).reverse().toString("hex");
const confluentId = (value: Uint8Array): number => new DataView(value.buffer, value.byteOffset).getUint32(1);
const schemaName = (value: Uint8Array, single: boolean): string =>
  single ? `fingerprint ${fingerprintOf(value)}` : `Confluent id ${confluentId(value)}`;

function readObject(
  value: Uint8Array,
  header: number,
  record: "gpu_totals" | "event_void",
  decode: (body: Buffer) => unknown,
): Read {
  const body = Buffer.from(value.buffer, value.byteOffset + header, value.length - header);
  try {
    const decoded = decode(body);
    if (record === "event_void") return { type: "void", void: decoded as EventVoid };
    const totals = decoded as Omit<GpuTotals, "sharing"> & { sharing: (typeof ENUMS.sharing)[number] };
    return { type: "totals", totals: { ...totals, sharing: ENUMS.sharing.indexOf(totals.sharing) } };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return unreadable(
      /truncated/.test(detail) ? "RECORD_TRUNCATED" : "RECORD_MALFORMED",
      detail.slice(0, 200),
    );
  }
}
