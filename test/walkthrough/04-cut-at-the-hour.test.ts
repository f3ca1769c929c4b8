// Chapter 4: an event is cut at the hour.
//
// Bills go by the hour, and an hour must be closed while events of the next one come in. So an event that crosses an hour's
// end is cut there: one row an hour, each with its part of the time by the wall clock. Parts are whole nanoseconds and add up
// to the whole. (Our own probe ends its events at every full minute; other producers need not.)
import { expect, it } from "vitest";
import { lastHour, slices, splitQuantity } from "../../services/domain/window/split.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { NOW_MS, TestIntake } from "../support/flows/intake.ts";

const NOON_MS = Date.UTC(2026, 10, 23, 12);
/** 10 s of a GPU, 3 s before noon and 7 s after it. */
const CROSSING = {
  started_at: (NOON_MS - 3_000) * 1000,
  ended_at: (NOON_MS + 7_000) * 1000,
  gpu_time_ns: 9_999_999_999,
};

it("becomes one row an hour, by wall time, and the last one is its home", () => {
  const stream = new TestIntake();
  stream.send(encodeEvent(makeEvent(NOON_MS + 7_000, "anna", CROSSING)), 0, NOW_MS);
  expect(stream.rows("event")).toMatchObject([
    { hour: NOON_MS / 1000 - 3600, gpu_time_ns: 2_999_999_999n, home: 0 },
    { hour: NOON_MS / 1000, gpu_time_ns: 7_000_000_000n, home: 1 },
  ]);
});

it("is still one event: it is counted at home, and every quantity adds up", () => {
  const stream = new TestIntake();
  stream.send(encodeEvent(makeEvent(NOON_MS + 7_000, "anna", CROSSING)), 0, NOW_MS);
  const windows = stream.rows("window").map(({ numbers }) => numbers as bigint[]);
  const [events, gpuTime] = [0, 5].map((i) => windows.reduce((sum, numbers) => sum + (numbers[i] ?? 0n), 0n));
  expect({ events, gpuTime }).toEqual({ events: 1n, gpuTime: 9_999_999_999n });
  expect(stream.account()).toMatchObject({ received: 1, counted: 1 });
});

it("gives what cannot be divided away in whole pieces", () => {
  const parts = slices(CROSSING.started_at, CROSSING.ended_at);
  expect(splitQuantity(1, parts)).toEqual([0, 1]);
  expect(splitQuantity(10, parts)).toEqual([3, 7]);
});

it("ends before its last instant: what ends at noon belongs to the hour before", () => {
  const noonUs = NOON_MS * 1000;
  expect(lastHour(noonUs - 1, noonUs)).toBe(NOON_MS / 3_600_000 - 1);
  expect(lastHour(noonUs, noonUs)).toBe(NOON_MS / 3_600_000);
  expect(slices(noonUs - 1, noonUs)).toHaveLength(1);
});
