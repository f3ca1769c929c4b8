import { expect, it } from "vitest";
import {
  EVENT_AGE_MS_MAX,
  finalAtMs,
  type IngestDay,
  isPast,
  keptBecause,
} from "../../../../services/domain/closing/retention.ts";
import { FIELDS } from "../../../../services/processor/config.ts";

const HOUR = Date.parse("2026-01-01T10:00:00Z") / 1000;
const DAY: IngestDay = {
  ingest_day: "2026-01-01",
  day_rows: 1n,
  fingerprint: 1n,
  through_hour: HOUR,
  uncovered_rows: 0n,
  last_positions: 0n,
  unaudited_batches: 0n,
};
const STANDING = { positions: new Map([[0, 10n]]), unsettled_hours: [HOUR + 3600] };
const FINAL = new Map([[0, 10n]]);

it("nothing counts in an hour any more a day and 90 after its end, with an hour for clocks that differ", () => {
  const end = Date.parse("2026-04-02T11:00:00Z");
  expect(finalAtMs(HOUR)).toBe(end);
  expect([isPast(HOUR, end + 3_599_999), isPast(HOUR, end + 3_600_000)]).toEqual([false, true]);
});

it("a day may go when nothing speaks against it", () => {
  expect(keptBecause(DAY, STANDING, FINAL)).toEqual([]);
});

it.each([
  ["hours_not_final", DAY, STANDING, null],
  ["hours_not_final", DAY, STANDING, new Map([[0, 11n]])],
  ["hours_not_final", DAY, STANDING, new Map([[1, 1n]])],
  ["hours_not_settled", DAY, { ...STANDING, unsettled_hours: [HOUR] }, FINAL],
  ["hours_not_settled", DAY, { ...STANDING, unsettled_hours: [HOUR - 3600 * 24 * 400] }, FINAL],
  ["hours_not_settled", { ...DAY, uncovered_rows: 1n }, STANDING, FINAL],
  ["batches_not_audited", { ...DAY, unaudited_batches: 1n }, STANDING, FINAL],
  ["last_position", { ...DAY, last_positions: 1n }, STANDING, FINAL],
] as const)("it stays: %s", (reason, day, standing, final) => {
  expect(keptBecause(day, standing, final)).toEqual([reason]);
});

it("no processor can be set to accept what retention no longer expects", () => {
  const { parse } = FIELDS.event_age_max_ms;
  expect(parse(`${EVENT_AGE_MS_MAX}ms`).ok).toBe(true);
  expect(parse(`${EVENT_AGE_MS_MAX + 1}ms`).ok).toBe(false);
});
