import { expect, it } from "vitest";
import { idHour } from "../../../../services/domain/event/id.ts";
import {
  type Hour,
  type HourIndex,
  hourEndMs,
  hourOf,
  hourStart,
} from "../../../../services/domain/time/hour.ts";

it("an hour's start and its index are two numbers, and one does not pass for the other", () => {
  const index: HourIndex = idHour(Uint8Array.of(0, 0, 0, 0x6d, 0xdd, 0x00), 0);
  expect(index).toBe(2);
  expect(hourStart(index)).toBe(7200);
  expect(hourEndMs(hourStart(index))).toBe(3 * 3_600_000);
  // @ts-expect-error an index is no start
  const start: Hour = index;
  // @ts-expect-error a start is no index
  const counted: HourIndex = hourOf(7_200_000);
  expect([start, counted]).toEqual([2, 7200]);
});
