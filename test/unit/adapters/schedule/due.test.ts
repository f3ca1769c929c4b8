import { expect, it } from "vitest";
import { dueTimes } from "../../../../services/adapters/schedule/due.ts";

const at = (text: string) => Date.parse(text);
const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString().slice(0, 16));
const stretch = { after: at("2026-01-30T10:05:00Z"), until: at("2026-02-02T10:05:00Z") };

it.each([
  ["5 10 * * *", "oldest", 9, ["2026-01-31T10:05", "2026-02-01T10:05", "2026-02-02T10:05"]],
  ["5 10 * * *", "oldest", 2, ["2026-01-31T10:05", "2026-02-01T10:05"]],
  ["5 10 * * *", "newest", 2, ["2026-02-01T10:05", "2026-02-02T10:05"]],
  ["*/30 9,10 * * *", "newest", 3, ["2026-02-02T09:00", "2026-02-02T09:30", "2026-02-02T10:00"]],
  ["0 0 1 * *", "newest", 1, ["2026-02-01T00:00"]],
  ["30 4 L * *", "oldest", 9, ["2026-01-31T04:30"]],
  ["0 12 * * 1", "oldest", 9, []],
  ["0 9 * * 1", "oldest", 9, ["2026-02-02T09:00"]],
  ["15 0 10 * * *", "newest", 1, ["2026-02-02T10:00"]],
] as const)("%s: the %s %s", (expression, take, limit, expected) => {
  expect(iso(dueTimes(expression, stretch, take, limit))).toEqual(expected);
});
