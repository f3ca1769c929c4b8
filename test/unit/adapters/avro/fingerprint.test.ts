import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../../services/adapters/avro/fingerprint.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import {
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
} from "../../../support/builders/events.ts";
import { FINGERPRINTS } from "../../../support/builders/raw-avro.ts";

describe("fingerprints", () => {
  // share/test/data/schema-tests.txt of Apache Avro
  it.each([
    ["null", 7195948357588979594n],
    ["boolean", -6970731678124411036n],
    ["int", 8247732601305521295n],
    ["long", -3434872931120570953n],
    ["float", 5583340709985441680n],
    ["double", -8181574048448539266n],
    ["bytes", 5746618253357095269n],
    ["string", -8142146995180207161n],
  ])("of %s is Avro's own", (type, expected) => {
    expect(BigInt.asIntN(64, fingerprint(type))).toBe(expected);
  });

  it.each(loadSchemas())("of $record $version is what fastavro says", ({ record, version, schema }) => {
    expect(fingerprint(schema).toString(16)).toBe(FINGERPRINTS[record][version]);
  });

  it("are those of every version that is published", () => {
    const published = Object.entries(FINGERPRINTS).flatMap(([record, of]) =>
      Object.keys(of).map((version) => `${record}/${version}`),
    );
    expect(loadSchemas().map(({ record, version }) => `${record}/${version}`)).toEqual(published);
  });

  it("are written little endian behind the mark", () => {
    const event = makeEvent(1_000_000, "x");
    const values = {
      gpu_time_event: encodeEvent(event),
      gpu_totals: encodeTotals(makeTotals(1_000_000, "x")),
      event_void: encodeVoid(makeVoid(event.event_id)),
    };
    for (const [record, { value }] of Object.entries(values)) {
      expect(Buffer.from(value.subarray(0, 2)).toString("hex")).toBe("c301");
      const bigEndian = Buffer.from(value.subarray(2, 10)).reverse().toString("hex");
      expect(bigEndian).toBe(Object.values(FINGERPRINTS[record as keyof typeof FINGERPRINTS]).at(-1));
    }
  });

  it("leave out documentation, defaults and logical types, and nothing else", () => {
    const schema = { type: "record", name: "r", fields: [{ name: "a", type: "long" }] } as const;
    const dressed = {
      ...schema,
      doc: "words",
      fields: [
        { name: "a", type: { type: "long", logicalType: "timestamp-micros" }, doc: "more", default: 0 },
      ],
    } as const;
    expect(fingerprint(dressed as never)).toBe(fingerprint(schema as never));
    const other = { ...schema, fields: [{ name: "a", type: "int" }] } as const;
    expect(fingerprint(other as never)).not.toBe(fingerprint(schema as never));
  });
});
