// Tells records apart by their header and reads them: events into an EventRecord without making objects, the rare totals
// and voids through avsc.
import type { Type } from "avsc";
import avro from "avsc";
import { VALUE_BYTES_MAX } from "../../domain/block/record-run.ts";
import type { RejectCode } from "../../domain/event/codes.ts";
import type { EventVoid, GpuTotals, Read, RecordReader } from "../../domain/event/reader.ts";
import { ENUMS, type EventRecord } from "../../domain/event/record.ts";
import { compileEvent, type DecodeEvent, type RecordSchema } from "./compile.ts";
import { AvroCursor } from "./cursor.ts";
import { fingerprint } from "./fingerprint.ts";
import type { KnownSchema } from "./schemas.ts";

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

/** Events are read by code that is made for their writer; others are resolved to the version that this code knows, as Avro specifies. */
function decodeOf(known: KnownSchema): Decode {
  if (known.record === "gpu_time_event") {
    return { record: known.record, decode: compileEvent(known.schema as unknown as RecordSchema) };
  }
  const reader = avro.Type.forSchema(known.reader);
  const writer = avro.Type.forSchema(known.schema);
  const resolver = reader.createResolver(writer as Type);
  return {
    record: known.record,
    decode(body) {
      // avsc reads lengths below 0, texts that are not UTF-8 and odd numbers beyond 2^53 as something else
      if (!writer.toBuffer(writer.fromBuffer(body)).equals(body))
        throw new Error("not as its values are written");
      return reader.fromBuffer(body, resolver);
    },
  };
}

class Reader implements RecordReader {
  private readonly byFingerprint: ReadonlyMap<string, Decode>;
  private readonly byId: ReadonlyMap<number, Decode>;
  private readonly cursor = new AvroCursor();
  private lastLow = 0;
  private lastHigh = 0;
  private lastDecode: Decode | undefined;

  constructor(byFingerprint: ReadonlyMap<string, Decode>, byId: ReadonlyMap<number, Decode>) {
    this.byFingerprint = byFingerprint;
    this.byId = byId;
  }

  read(bytes: Uint8Array, view: DataView, start: number, length: number, event: EventRecord): Read {
    if (length <= 0) return unreadable("RECORD_EMPTY", "0 bytes");
    if (length > VALUE_BYTES_MAX) return unreadable("RECORD_TOO_LARGE", `${length} bytes`);
    const first = bytes[start];
    const single = first === 0xc3 && bytes[start + 1] === 0x01;
    if (!single && first !== 0) return unreadable("RECORD_UNKNOWN_FORMAT", `first byte ${first}`);
    const header = single ? SINGLE_OBJECT_HEADER : CONFLUENT_HEADER;
    if (length < header) return unreadable("RECORD_TRUNCATED", "the header is cut");
    const decode = single ? this.decodeOf(view, start + 2) : this.byId.get(view.getUint32(start + 1));
    if (decode === undefined) return unreadable("RECORD_UNKNOWN_SCHEMA", schemaName(view, start, single));
    if (decode.record !== "gpu_time_event") {
      return readObject(bytes, start + header, length - header, decode.record, decode.decode);
    }
    event.bytes = bytes;
    event.view = view;
    event.bodyStart = start + header;
    this.cursor.start(bytes, event.bodyStart, start + length);
    decode.decode(this.cursor, event);
    const fault = this.cursor.finish();
    return fault === undefined ? EVENT : unreadable(fault, `${length - header} bytes of body`);
  }

  /** Nearly all records of a stream have the schema of the one before. */
  private decodeOf(view: DataView, at: number): Decode | undefined {
    const low = view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    if (low === this.lastLow && high === this.lastHigh && this.lastDecode !== undefined)
      return this.lastDecode;
    const decode = this.byFingerprint.get(fingerprintAt(view, at));
    if (decode !== undefined) {
      this.lastLow = low;
      this.lastHigh = high;
      this.lastDecode = decode;
    }
    return decode;
  }
}

/** Little endian on the wire, written big endian as people and tools print it. */
const fingerprintAt = (view: DataView, at: number): string =>
  view.getBigUint64(at, true).toString(16).padStart(16, "0");
const schemaName = (view: DataView, start: number, single: boolean): string =>
  single ? `fingerprint ${fingerprintAt(view, start + 2)}` : `Confluent id ${view.getUint32(start + 1)}`;

function readObject(
  bytes: Uint8Array,
  start: number,
  length: number,
  record: "gpu_totals" | "event_void",
  decode: (body: Buffer) => unknown,
): Read {
  // avsc hands on fixed values as views of the body, which is reused: so it gets a copy
  const body = Buffer.from(bytes.slice(start, start + length));
  try {
    const decoded = decode(body);
    if (record === "event_void") return { type: "void", void: decoded as EventVoid };
    return { type: "totals", totals: totalsOf(decoded as DecodedTotals) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return unreadable(
      /truncated/.test(detail) ? "RECORD_TRUNCATED" : "RECORD_MALFORMED",
      detail.slice(0, 200),
    );
  }
}

type DecodedTotals = Omit<GpuTotals, "sharing" | "busy_quality"> & {
  readonly sharing: (typeof ENUMS.sharing)[number];
  readonly busy_quality: (typeof ENUMS.busy_quality)[number];
};

const totalsOf = (decoded: DecodedTotals): GpuTotals => ({
  ...decoded,
  sharing: ENUMS.sharing.indexOf(decoded.sharing),
  busy_quality: ENUMS.busy_quality.indexOf(decoded.busy_quality),
});
