// Chapter 3: a record is judged.
//
// The processor gives every record that it reads exactly one of four verdicts: counted, duplicate, conflict, rejected. The
// four always add up to what was received. Nothing is dropped in silence, and nothing bad stops the flow: what is not counted
// is kept, with the reason and its bytes, so that it can be sent again. The rules are in domain/event/validate.ts, the memory
// in domain/dedupe, one record's way in domain/block/intake.ts.
import { expect, it } from "vitest";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { HOUR_MS, NOW_MS, TestIntake } from "../support/flows/intake.ts";

const event = (name: string, fields: Record<string, unknown> = {}, endedAtMs = NOW_MS) =>
  encodeEvent(makeEvent(endedAtMs, name, fields));

it("counts an event once, and its copy as a duplicate", () => {
  const stream = new TestIntake();
  stream.send(event("anna"));
  stream.send(event("anna"));
  expect(stream.account()).toMatchObject({ received: 2, counted: 1, duplicates: 1 });
  expect(stream.rows("event")).toHaveLength(1);
});

it("calls another payload under the same id a conflict: the first one stands, the other one is kept", () => {
  const stream = new TestIntake();
  const { key, value } = event("anna", { gpu_time_ns: 110_000_000 });
  stream.send(event("anna"));
  stream.send({ key, value });
  expect(stream.account()).toMatchObject({ received: 2, counted: 1, conflicts: 1 });
  expect(stream.rows("event")).toMatchObject([{ gpu_time_ns: 120_000_001n }]);
  expect(stream.rows("rejected")).toMatchObject([
    { reject_code: "EVENT_CONFLICT", raw: new Uint8Array(value) },
  ]);
});

it("rejects what cannot be true, with a code, the reason and the bytes", () => {
  const stream = new TestIntake();
  const tooMuch = event("anna", { gpu_time_ns: 900_000_000 }); // of 250 ms on one GPU
  stream.send(tooMuch);
  expect(stream.account()).toMatchObject({ received: 1, counted: 0, rejected: 1 });
  expect(stream.rows("rejected")).toMatchObject([
    {
      reject_code: "EVENT_GPU_TIME_EXCEEDS_SPAN",
      tenant_id: "tenant-01",
      raw: new Uint8Array(tooMuch.value),
    },
  ]);
});

it("rejects what is no event at all, and goes on", () => {
  const stream = new TestIntake();
  stream.send({ key: null, value: Buffer.from("{}") });
  stream.send({ key: null, value: null });
  stream.send(event("anna"));
  expect(stream.rows("rejected").map(({ reject_code }) => reject_code)).toEqual([
    "RECORD_UNKNOWN_FORMAT",
    "RECORD_EMPTY",
  ]);
  expect(stream.account()).toMatchObject({ received: 3, counted: 1, rejected: 2 });
});

it("sets an event of an hour it does not remember aside, and asks usage_log before it counts", () => {
  const stream = new TestIntake();
  const late = event("anna", {}, NOW_MS - 30 * HOUR_MS);
  expect(stream.send(late)).toBe(false);
  expect(stream.account()).toMatchObject({ received: 1, counted: 0 });
  const [{ hash }] = stream.late as [TestIntake["late"][number]];
  stream.takeLate((_space, _id) => hash); // usage_log: "yes, that very event"
  expect(stream.account()).toMatchObject({ received: 1, counted: 0, duplicates: 1 });
});
