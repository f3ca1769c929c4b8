// Chapter 2: an event on the wire.
//
// What the probe measured of a session travels through Kafka as an Avro record: a few hundred bytes, without field names,
// that say by themselves which schema they follow. Its id is not drawn at random: it is made of what the event is. So a
// probe that sends twice because an answer was lost, or that starts anew and reads its log again, sends the same bytes.
import { expect, it } from "vitest";
import { createRecordReader } from "../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../services/adapters/avro/schemas.ts";
import { idHour, idTimeMs, isUuidV7 } from "../../services/domain/event/id.ts";
import { EventRecord, NUMBERS } from "../../services/domain/event/record.ts";
import { encodeEvent, encodeVoid, makeEvent, makeVoid } from "../support/builders/events.ts";

const ENDED_AT_MS = Date.UTC(2026, 10, 23, 10, 0, 1);
const fields = makeEvent(ENDED_AT_MS, "anna", { tenant_id: "anna", gpu_time_ns: 13_500_001 });
const { key, value } = encodeEvent(fields);

it("begins with the fingerprint of its schema", () => {
  const header = Buffer.from(value.subarray(0, 10)).toString("hex");
  expect(header).toBe("c3019823a6f6e7c15c87"); // C3 01: Avro's single object; then gpu_time_event v3, see schemas/README.md
  expect(value.length).toBeLessThan(400);
});

it("is keyed by its id, so that its copies meet in one partition", () => {
  expect(key).toEqual(fields.event_id);
  expect(value.subarray(10, 26)).toEqual(fields.event_id);
});

it("has an id that carries the event's end: a copy cannot move to another hour", () => {
  expect(isUuidV7(key, 0)).toBe(true);
  expect(idTimeMs(key, 0)).toBe(ENDED_AT_MS);
  expect(idHour(key, 0)).toBe(Math.floor(ENDED_AT_MS / 3_600_000));
});

it("is read where it lies: numbers into an array, texts as positions, no object for each event", () => {
  const reader = createRecordReader({ schemas: loadSchemas() });
  const event = new EventRecord();
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  expect(reader.read(value, view, 0, value.length, event)).toEqual({ type: "event" });
  expect(event.numbers[NUMBERS.gpu_time_ns]).toBe(13_500_001);
});

it("is never changed: a void with its key takes it out, and meets it in the same partition", () => {
  const order = encodeVoid(makeVoid(key, { reason: "billed to the wrong tenant" }));
  expect(order.key).toEqual(key);
  expect(Buffer.from(order.value.subarray(0, 10)).toString("hex")).toBe("c301b13a231a9ff3f4c4");
});
