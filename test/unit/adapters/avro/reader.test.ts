import avro from "avsc";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecordReader } from "../../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import type { EventVoid, GpuTotals, Read } from "../../../../services/domain/event/reader.ts";
import {
  BUSY,
  ENUMS,
  type EnumField,
  EventRecord,
  isNull,
  NUMBERS,
  type NumberField,
  PROOFS,
  TEXTS,
  type TextField,
} from "../../../../services/domain/event/record.ts";
import {
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
  signedVoid,
  uuidV7,
} from "../../../support/builders/events.ts";
import { fieldsOf, long, rawBody, rawRecord, singleObject } from "../../../support/builders/raw-avro.ts";

const schemas = loadSchemas();
const reader = createRecordReader({
  schemas,
  confluentIds: new Map([
    [7, "gpu_time_event/v3"],
    [258, "event_void/v2"],
  ]),
});
const event = new EventRecord();
const HEADER = 10;

/** Reads a value that lies in the middle of a buffer: `before` and `after` are its neighbours. */
function read(value: Uint8Array, before = 3, after: Uint8Array = new Uint8Array(16).fill(0x02)): Read {
  const bytes = new Uint8Array(before + value.length + after.length).fill(0xc3, 0, before);
  bytes.set(value, before);
  bytes.set(after, before + value.length);
  return reader.read(bytes, new DataView(bytes.buffer), before, value.length, event);
}

const eventType = avro.Type.forSchema(
  schemas.findLast(({ record }) => record === "gpu_time_event")?.schema ?? "null",
);

/** What is in `event`, in the form in which avsc gives it. */
function decoded(): Record<string, unknown> {
  const numbers = Object.keys(NUMBERS).map((name) => {
    const value = event.numbers[NUMBERS[name as NumberField]] as number;
    if (name in ENUMS) return [name, ENUMS[name as EnumField][value]];
    return [name, isNull(value) ? null : value];
  });
  const texts = Object.keys(TEXTS).map((name) => {
    const start = event.starts[TEXTS[name as TextField]] as number;
    const length = event.lengths[TEXTS[name as TextField]] as number;
    return [
      name,
      length === -1 ? null : Buffer.from(event.bytes.subarray(start, start + length)).toString("utf8"),
    ];
  });
  const event_id = Buffer.from(event.bytes.subarray(event.id, event.id + 16)).toString("hex");
  const proofs = Object.entries(PROOFS).map(([name, at]) => {
    const start = event.proofStarts[at] as number;
    const length = event.proofLengths[at] as number;
    return [name, length === -1 ? null : Buffer.from(event.bytes.subarray(start, start + length)).toString()];
  });
  return {
    event_id,
    ...Object.fromEntries(numbers),
    ...Object.fromEntries(texts),
    ...Object.fromEntries(proofs),
  };
}

const plain = (fields: Record<string, unknown>): Record<string, unknown> => ({
  session_token: null,
  correction_mac: null,
  ...fields,
  event_id: Buffer.from(fields["event_id"] as Uint8Array).toString("hex"),
});

// both sides of every length of a varint, and of every limit
const edges = Array.from({ length: 53 }, (_, bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]).flat();
/** As far as avsc writes numbers exactly; what lies beyond is written by hand. */
const whole = fc
  .oneof(fc.maxSafeInteger(), fc.constantFrom(...edges, ...edges.map((edge) => 0 - edge)))
  .filter((value) => value >= -(2 ** 52) && value <= 2 ** 53 - 2);
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("", "x".repeat(63), "x".repeat(64), "x".repeat(8_192)),
);

/** Any value that the schema allows, made from the schema itself. */
function anyOf(type: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(type)) return fc.oneof(...type.map(anyOf));
  if (typeof type === "object" && type !== null) {
    const complex = type as { type: string; symbols?: string[] };
    if (complex.type === "enum") return fc.constantFrom(...(complex.symbols ?? []));
    if (complex.type === "fixed")
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((it) => Buffer.from(it));
    return anyOf(complex.type);
  }
  if (type === "null") return fc.constant(null);
  if (type === "int") return fc.integer();
  return type === "long" ? whole : anyText;
}
const NO_PROOFS = { session_token: Buffer.alloc(0), correction_mac: Buffer.alloc(0) };
const anyEvent = fc.record(
  Object.fromEntries(fieldsOf("gpu_time_event").map(({ name, type }) => [name, anyOf(type)])),
) as fc.Arbitrary<Record<string, unknown>>;

const encode = (fields: Record<string, unknown>): Buffer =>
  singleObject("gpu_time_event", eventType.toBuffer(fields));

describe("events are read as avsc writes them", () => {
  it("whatever the schema allows", () => {
    fc.assert(
      fc.property(anyEvent, fc.nat(9), (fields, before) => {
        const value = encode(fields);
        expect(read(value, before)).toEqual({ type: "event" });
        expect(decoded()).toEqual(plain(fields));
        const proofs =
          rawBody("gpu_time_event", fields).length - rawBody("gpu_time_event", fields, NO_PROOFS).length;
        expect([event.bodyStart, event.contentEnd]).toEqual([
          before + HEADER,
          before + value.length - proofs,
        ]);
        // the encoder of the tests agrees with avsc's, so that what it alone can write is to be trusted
        expect(Buffer.compare(rawRecord("gpu_time_event", fields), value)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    [-(2n ** 52n) - 1n, -(2 ** 52) - 1],
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [-(2n ** 53n) + 1n, -(2 ** 53) + 1],
    [-(2n ** 53n), -(2 ** 53)],
  ])("%d, which avsc does not write", (written, expected) => {
    const fields = makeEvent(1_000_000, "edge");
    expect(
      read(rawRecord("gpu_time_event", fields, { energy_uj: Buffer.concat([long(1), long(written)]) })),
    ).toEqual({
      type: "event",
    });
    expect(event.numbers[NUMBERS.energy_uj]).toBe(expected);
  });

  it("and numbers beyond 2^53 stay beyond every limit, with their sign", () => {
    const beyond = fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(
        fc.oneof(beyond, fc.constantFrom(2n ** 53n, 2n ** 54n, 2n ** 62n, 2n ** 63n - 1n)),
        fc.boolean(),
        (size, isNegative) => {
          const written = isNegative ? -size - 1n : size;
          const fields = makeEvent(1_000_000, "edge");
          expect(read(rawRecord("gpu_time_event", fields, { sequence: long(written) })).type).toBe("event");
          const value = event.numbers[NUMBERS.sequence] as number;
          expect(isNegative ? -value : value).toBeGreaterThanOrEqual(2 ** 53);
          // what follows is read from where it begins
          expect(event.numbers[NUMBERS.gpu_time_ns]).toBe(fields["gpu_time_ns"]);
        },
      ),
    );
  });

  it("one after the other, nothing of an earlier one left over", () => {
    const full = makeEvent(1_000_000, "full", {
      user_id: "u",
      mig_profile: "3g.40gb",
      nvlink_tx_bytes: 1,
      nvlink_rx_bytes: 2,
    });
    const empty = makeEvent(1_000_000, "empty", {
      user_id: null,
      container_id: null,
      energy_uj: null,
      power_avg_mw: null,
    });
    for (const fields of [full, empty, full]) {
      read(encode(fields));
      expect(decoded()).toEqual(plain(fields));
    }
  });
});

describe("damaged bytes", () => {
  it("never make an event of a cut record, even if its neighbour is its own rest", () => {
    fc.assert(
      fc.property(anyEvent, (fields) => {
        const value = encode(fields);
        const step = Math.max(1, Math.floor(value.length / 200));
        for (let end = 0; end < value.length; end += step) {
          const answer = read(value.subarray(0, end), 2, value.subarray(end));
          const code = end === 0 ? "RECORD_EMPTY" : "RECORD_TRUNCATED";
          if (end !== 1) expect(answer).toMatchObject({ type: "unreadable", code });
        }
      }),
      { numRuns: 20 },
    );
  });

  it("of totals and voids make nothing either", () => {
    const records = [
      encodeTotals(makeTotals(1_000_000, "cut")),
      encodeVoid(makeVoid(uuidV7(1_000_000, "cut"))),
      encodeEvent(makeEvent(1_000_000, "cut")),
    ];
    for (const { value } of records) {
      for (let end = 2; end < value.length; end++) {
        const answer = read(value.subarray(0, end), 2, value.subarray(end));
        expect(answer).toMatchObject({ type: "unreadable", code: "RECORD_TRUNCATED" });
      }
      expect(read(Buffer.concat([value, value.subarray(0, 1)]))).toMatchObject({ code: "RECORD_MALFORMED" });
    }
  });

  it("are an event only where avsc reads the same event from them", () => {
    const base = encode(makeEvent(1_000_000, "base", { user_id: "josé", nvlink_tx_bytes: 5 }));
    const change = fc.tuple(fc.integer({ min: HEADER, max: base.length - 1 }), fc.nat(255));
    const cut = fc.tuple(fc.nat(base.length), fc.nat(8), fc.uint8Array({ maxLength: 8 }));
    let events = 0;
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.option(cut, { freq: 3 }), (changes, splice) => {
        let value = Buffer.from(base);
        for (const [at, byte] of changes) value[at] = byte;
        if (splice !== null) {
          const [at, gone, more] = splice;
          value = Buffer.concat([value.subarray(0, at), more, value.subarray(at + gone)]);
        }
        const answer = read(value, 5, base.subarray(HEADER));
        if (answer.type !== "event") return;
        events++;
        let expected: Record<string, unknown>;
        try {
          expected = eventType.fromBuffer(value.subarray(HEADER)) as Record<string, unknown>;
        } catch (error) {
          // what avsc does not read and we do are numbers that no double holds: validate refuses them
          expect(String(error)).toContain("precision");
          expect(event.numbers.some((number) => Math.abs(number) >= 2 ** 53)).toBe(true);
          return;
        }
        expect(decoded()).toEqual(plain(expected));
      }),
      { numRuns: 3_000 },
    );
    expect(events).toBeGreaterThan(100);
  });

  it("never throw", () => {
    const start = fc.constantFrom(
      Buffer.alloc(0),
      Buffer.from([0xc3, 0x01]),
      Buffer.from([0, 0, 0, 0, 7]),
      Buffer.from([0, 0, 0, 1, 2]),
      ...(["gpu_time_event", "gpu_totals", "event_void"] as const).map((record) =>
        singleObject(record, new Uint8Array(0)),
      ),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300, size: "max" }), (mark, rest) => {
        const answer = read(Buffer.concat([mark, rest]));
        if (answer.type === "unreadable") expect(answer.detail).not.toBe("");
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("totals and voids", () => {
  it("are read as they were written, with a copy of their id", () => {
    const fields = makeTotals(1_000_000, "t", {
      mig_profile: "3g.40gb",
      sharing: "timeslice",
      energy_uj: null,
    });
    const bytes = Buffer.from(encodeTotals(fields).value);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const answer = reader.read(bytes, view, 0, bytes.length, event) as { totals: GpuTotals };
    bytes.fill(0);
    const { totals_id, ...others } = answer.totals;
    expect(Buffer.from(totals_id)).toEqual(Buffer.from(fields.totals_id));
    const { totals_id: _id, ...expected } = fields;
    expect({ ...others }).toEqual({ ...expected, sharing: 2, busy_quality: BUSY.counter });

    const order = signedVoid(makeVoid(uuidV7(1_000_000, "v")));
    const again = read(encodeVoid(order).value) as { void: EventVoid };
    expect(Buffer.from(again.void.event_id)).toEqual(Buffer.from(order.event_id));
    expect({ ...again.void, event_id: 0 }).toEqual({ ...order, event_id: 0 });
  });
});

describe("a registry's header", () => {
  const confluent = (id: number, body: Uint8Array): Buffer => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(id, 1);
    return Buffer.concat([header, body]);
  };

  it("names the schema by a configured id", () => {
    const fields = makeEvent(1_000_000, "registry");
    expect(read(confluent(7, rawBody("gpu_time_event", fields)))).toEqual({ type: "event" });
    expect(decoded()).toEqual(plain(fields));
    const order = signedVoid(makeVoid(fields.event_id));
    expect(read(confluent(258, rawBody("event_void", order))).type).toBe("void");
    expect(read(confluent(8, rawBody("gpu_time_event", fields)))).toEqual({
      type: "unreadable",
      code: "RECORD_UNKNOWN_SCHEMA",
      detail: "Confluent id 8",
    });
    expect(read(confluent(7, rawBody("gpu_time_event", fields).subarray(0, 40)))).toMatchObject({
      code: "RECORD_TRUNCATED",
    });
  });

  it("must name a schema that is there", () => {
    const confluentIds = new Map([[1, "gpu_time_event/v99"]]);
    expect(() => createRecordReader({ schemas, confluentIds })).toThrow("gpu_time_event/v99");
  });
});
