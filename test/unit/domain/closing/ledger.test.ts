import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  busyTimeDifference,
  eventDifference,
  gpuTimeDifference,
  unmeteredGpus,
} from "../../../../services/domain/closing/account.ts";
import { failedChecks, type HourAudit } from "../../../../services/domain/closing/audit.ts";
import { covers, cutText, reaches } from "../../../../services/domain/closing/cut.ts";
import { contentText, revisionChanges } from "../../../../services/domain/closing/revision.ts";
import { tilingFaults } from "../../../../services/domain/closing/tiling.ts";
import { USAGE_SUMS, usageKeyText, usageSums } from "../../../../services/domain/closing/usage.ts";
import { formatHour, HOUR_MAX, hourEndMs, hourOf, parseHour } from "../../../../services/domain/time/hour.ts";
import { usageRow } from "../../../support/builders/price-books.ts";

const cut = (...positions: [number, bigint][]) => new Map(positions);

describe("hours", () => {
  it("are read and written as the same text", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: HOUR_MAX / 3600 }), (number) => {
        expect(parseHour(formatHour(number * 3600))).toBe(number * 3600);
      }),
    );
  });

  it.each([
    "2026-11-23T10:30:00Z",
    "2026-11-23 10:00",
    "2026-13-01T00:00Z",
    "2026-11-23T24:00Z",
    "0000-00-00T00:00Z",
    "1969-12-31T23:00Z",
    formatHour(HOUR_MAX + 3600),
    "9999-12-31T23:00Z",
    "10",
    "",
  ])("%j is no hour", (text) => expect(parseHour(text)).toBe(null));

  it("hold the moments from their start up to their end", () => {
    const hour = parseHour("2026-11-23T10:00Z") ?? 0;
    expect([hourOf(hour * 1000), hourOf(hourEndMs(hour) - 1), hourOf(hourEndMs(hour))]).toEqual([
      hour,
      hour,
      hour + 3600,
    ]);
  });
});

describe("cuts", () => {
  it("cover what is below them, and nothing of a partition they do not have", () => {
    const at = cut([0, 5n]);
    expect([covers(at, 0, 4n), covers(at, 0, 5n), covers(at, 1, 0n)]).toEqual([true, false, false]);
  });

  it("reach what lies at or below them", () => {
    expect(reaches(cut([0, 5n], [1, 3n]), cut([0, 5n]))).toBe(true);
    expect(reaches(cut([0, 5n]), cut([0, 6n]))).toBe(false);
    expect(reaches(cut([0, 5n]), cut([1, 1n]))).toBe(false);
    expect(reaches(cut(), cut([1, 0n]))).toBe(true);
  });

  it("have one text", () => {
    expect(cutText(cut([10, 1n], [2, 3n]))).toBe("2:3,10:1");
  });
});

describe("tiling", () => {
  const run = (partition: number, first: bigint, end: bigint) => ({
    partition,
    first_offset: first,
    end_offset: end,
  });

  it.each([
    ["one stretch", [run(0, 0n, 9n)], cut(), []],
    ["from where the audit before ended", [run(0, 4n, 9n)], cut([0, 4n]), []],
    ["a log that began later", [run(0, 7n, 9n)], cut(), []],
    ["a gap", [run(0, 0n, 4n), run(0, 6n, 9n)], cut(), [["gap", 4n, 6n]]],
    ["an overlap", [run(0, 0n, 6n), run(0, 4n, 9n)], cut(), [["overlap", 6n, 4n]]],
    ["a repeat", [run(0, 0n, 9n), run(0, 0n, 9n)], cut(), [["overlap", 9n, 0n]]],
    [
      "a hidden gap behind an overlap",
      [run(0, 0n, 5n), run(0, 3n, 4n), run(0, 6n, 9n)],
      cut(),
      [
        ["overlap", 5n, 3n],
        ["gap", 5n, 6n],
      ],
    ],
    ["something missing at the end", [run(0, 0n, 8n)], cut(), [["gap", 9n, 8n]]],
    ["nothing where something was due", [], cut([0, 4n]), [["gap", 9n, 4n]]],
  ] as const)("%s", (_name, runs, from, faults) => {
    const found = tilingFaults(runs, from, cut([0, 9n]));
    expect(found.map(({ kind, expected, found: at }) => [kind, expected, at])).toEqual(faults);
  });
});

describe("the audit", () => {
  const balanced: HourAudit = {
    slices: 2n,
    unique_ids: 2n,
    voided: 0n,
    event_sums: usageSums(() => 5n),
    window_sums: usageSums(() => 5n),
    differing_keys: 0n,
    duplicates: 1n,
    conflicts: 0n,
    rejected: 0n,
  };

  it("names each check that fails", () => {
    expect(failedChecks(balanced, 0)).toEqual([]);
    expect(failedChecks({ ...balanced, slices: 3n }, 0)).toEqual(["unique_ids"]);
    expect(failedChecks({ ...balanced, differing_keys: 1n }, 0)).toEqual(["windows"]);
    expect(failedChecks(balanced, 1)).toEqual(["tiling"]);
  });

  it.each(USAGE_SUMS)("a difference in %s alone is found", (name) => {
    const window_sums = { ...balanced.window_sums, [name]: 6n };
    expect(failedChecks({ ...balanced, window_sums }, 0)).toEqual(["windows"]);
  });
});

describe("revisions", () => {
  const rows = fc.uniqueArray(
    fc
      .record({
        tenant_id: fc.constantFrom("a", "b", 'c"\n', "ä"),
        outcome: fc.constantFrom("ok", "error"),
        gpu_time_ns: fc.bigInt({ min: 0n, max: 1_000n }),
        events: fc.bigInt({ min: 0n, max: 3n }),
      })
      .map(usageRow),
    { selector: usageKeyText },
  );

  it("have one text whatever the order of their rows, and another one for other usage", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const text = (content: typeof list) =>
          contentText({ hour: 0, unique_ids: 1n, voided: 0n, rows: content }, 2);
        expect(text(list.toReversed())).toBe(text(list));
        const [first, ...rest] = list;
        if (first === undefined) return;
        expect(text([{ ...first, energy_uj: first.energy_uj + 1n }, ...rest])).not.toBe(text(list));
        expect(text([{ ...first, apportionments: ["equal@1", "other@1"] }, ...rest])).not.toBe(text(list));
        expect(text(rest)).not.toBe(text(list));
      }),
    );
  });

  it("of version 1 are hashed without the sums that came later, unless these say something", () => {
    const row = usageRow({ tenant_id: "a", gpu_time_ns: 5n });
    const content = (gpu_busy_counter_ns: bigint) => {
      return { hour: 0, unique_ids: 1n, voided: 0n, rows: [{ ...row, gpu_busy_counter_ns }] };
    };
    const sums = (text: string) => (JSON.parse(text.split("\n")[1] ?? "") as string[]).length;
    const [old, now] = [contentText(content(0n), 1), contentText(content(0n), 2)];
    expect(old.startsWith('["meterhouse-hour/1"')).toBe(true);
    expect(now.startsWith('["meterhouse-hour/2"')).toBe(true);
    expect(sums(now)).toBe(sums(old) + 1);
    expect(contentText(content(5n), 1)).not.toBe(old);
    expect(contentText(content(5n), 2)).not.toBe(now);
  });

  it("before + changes = after; equal ones have no changes", () => {
    fc.assert(
      fc.property(rows, rows, (before, after) => {
        const changes = revisionChanges(before, after);
        const of = (list: readonly { gpu_time_ns: bigint }[]) =>
          list.reduce((sum, { gpu_time_ns }) => sum + gpu_time_ns, 0n);
        expect(of(before) + of(changes)).toBe(of(after));
        const byKey = new Map(changes.map((change) => [usageKeyText(change), change]));
        for (const row of after) {
          const was = before.find((other) => usageKeyText(other) === usageKeyText(row));
          const change = byKey.get(usageKeyText(row));
          expect((was?.events ?? 0n) + (change?.events ?? 0n)).toBe(row.events);
        }
        expect(revisionChanges(before, before)).toEqual([]);
      }),
    );
  });
});

describe("unmetered work", () => {
  const gpu = { gpu_uuid: "GPU-1", gpu_model: "H100", busy_ns: 90n, unmetered_processes: ["1:x"] };
  it.each([
    [5n, 100n, 5, false],
    [6n, 100n, 5, true],
    [1n, 100n, 0, true],
    [0n, 0n, 0, false],
    [100n, 100n, 100, false],
  ])("%d ns of %d ns are above %d %%: %s", (unmetered_ns, physical_ns, percent, isAbove) => {
    const it = { ...gpu, unmetered_ns, physical_ns };
    expect(unmeteredGpus([it], percent)).toEqual(isAbove ? [it] : []);
  });
});

describe("accounts", () => {
  it("tell by how much they do not add up", () => {
    const events = { received: 10n, counted: 7n, duplicate: 1n, conflict: 1n, rejected: 1n };
    expect(eventDifference(events)).toBe(0n);
    expect(eventDifference({ ...events, counted: 6n })).toBe(1n);
    const time = { physical: 100n, sessions: 60n, operator: 10n, idle: 29n, unattributed: 1n };
    expect(gpuTimeDifference(time)).toBe(0n);
    expect(gpuTimeDifference({ ...time, idle: 30n })).toBe(-1n);
    const busy = { busy: 50n, sessions: 40n, operator: 7n, unmetered: 3n };
    expect(busyTimeDifference(busy)).toBe(0n);
    expect(busyTimeDifference({ ...busy, sessions: 41n })).toBe(-1n);
  });
});
