// What may leave the log: exported days of which nothing is owed any more, and nothing else, whatever ends the job.

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ExportedDay, LogDays } from "../../services/domain/ports/log-days.ts";

import { ManualClock } from "../support/doubles/manual-clock.ts";
import { FIRST_DAY, NEXT_TEN, RetentionBench, SECOND_DAY } from "../support/flows/retention.ts";
import { pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const DAY_MS = 86_400_000;

let bench: RetentionBench;

beforeEach(async () => {
  bench = await RetentionBench.open();
  await bench.logTwoDays();
});
afterEach(() => bench.close());

/** The log's days, of which one thing is done otherwise. */
function daysBut(changes: Partial<LogDays>): LogDays {
  const { days } = bench;
  return {
    days: (until) => days.days(until),
    standing: () => days.standing(),
    day: (ingest_day) => days.day(ingest_day),
    dayRows: (ingest_day) => days.dayRows(ingest_day),
    contents: (ingest_day, signal) => days.contents(ingest_day, signal),
    recordDrop: (day, through_hour, lease) => days.recordDrop(day, through_hour, lease),
    drop: (ingest_day) => days.drop(ingest_day),
    ...changes,
  };
}

const parquet = (day: string) => join(bench.folder, `usage_log-${day}.parquet`);
const manifest = async (day: string) =>
  JSON.parse(await readFile(join(bench.folder, `usage_log-${day}.json`), "utf8"));

it("an old day whose hours are settled is exported, then dropped; what is left stays whole", async () => {
  await bench.settle();
  const [charges, positions] = [await bench.charges(), await bench.store.positions()];
  const before = await bench.days.dayRows(FIRST_DAY);
  expect(await bench.turn()).toBe(`dropped: ${FIRST_DAY}; kept: none`);
  expect([await bench.rowsOf(FIRST_DAY), await bench.rowsOf(SECOND_DAY)]).toEqual([0, 6]);
  expect(await bench.charges()).toEqual(charges);
  expect(charges).toHaveLength(2);

  const file = await readFile(parquet(FIRST_DAY));
  expect(await manifest(FIRST_DAY)).toMatchObject({
    ingest_day: FIRST_DAY,
    through_hour: "2026-11-23T10:00:00Z",
    day_rows: String(before.day_rows),
    fingerprint: String(before.fingerprint),
    bytes: file.length,
    sha256: createHash("sha256").update(file).digest("hex"),
  });
  // The file holds every row with every column: put back, the day is what it was.
  await bench.admin.command("CREATE TABLE restored AS usage_log");
  await bench.admin.execInsert("INSERT INTO restored FORMAT Parquet", file);
  const [restored] = await bench.admin.query(
    "SELECT count() AS day_rows, sum(cityHash64(tuple(*))) AS fingerprint FROM restored",
  );
  expect(restored).toEqual({
    day_rows: String(before.day_rows),
    fingerprint: String(before.fingerprint),
  });

  // The position of each Kafka partition survives, so nothing is read again and nothing is skipped.
  expect(await bench.store.positions()).toEqual(positions);
  await appendBatch(bench.processor, batch(0, 2, [{ id: "e", hour: NEXT_TEN }]), "2026-11-25");
  const { revised, closed } = await bench.settle();
  expect([closed.length, revised.map(({ failed_checks }) => failed_checks)]).toEqual([0, [[]]]);
});

it("nothing is dropped without an export folder, or before its age", async () => {
  await bench.settle();
  expect(await bench.turn({ folder: "" })).toContain("nothing is dropped");
  expect(
    await bench.turn({ clock: new ManualClock(Date.parse(`${FIRST_DAY}T23:59:59Z`) + 120 * DAY_MS) }),
  ).toBe("dropped: none; kept: none");
  expect(await bench.rowsOf(FIRST_DAY)).toBe(5 + 1);
  expect(await readdir(bench.folder)).toEqual([]);
});

it("a day with an hour that is not closed stays", async () => {
  expect(await bench.turn()).toContain(`kept: ${FIRST_DAY} (hours_not_settled, batches_not_audited)`);
  expect(await bench.rowsOf(FIRST_DAY)).toBe(6);
});

it.each([
  ["late event", () => batch(0, 2, [{ id: "late", hour: TEN }])],
  ["void", () => batch(0, 2, [], { voids: [{ id: "a", hour: TEN }] })],
])(
  "a day with an hour that a %s made dirty stays until the hour is revised, whatever day the record came",
  async (_what, late) => {
    await bench.settle();
    await appendBatch(bench.processor, late(), SECOND_DAY);
    expect(await bench.turn()).toContain(`kept: ${FIRST_DAY} (hours_not_settled)`);
    expect(await bench.rowsOf(FIRST_DAY)).toBe(6);
    expect((await bench.settle()).revised).toHaveLength(1);
    expect(await bench.turn()).toContain(`dropped: ${FIRST_DAY}`);
  },
);

it("a day that holds the position of a Kafka partition stays until a later day has it", async () => {
  await appendBatch(bench.processor, batch(7, 40, [{ id: "idle", hour: TEN }]), FIRST_DAY);
  await bench.settle();
  expect(await bench.turn()).toContain(`kept: ${FIRST_DAY} (last_position)`);
  await appendBatch(bench.processor, batch(7, 41, [], { duplicates: 1 }), SECOND_DAY);
  expect(await bench.turn()).toContain(`dropped: ${FIRST_DAY}`);
  expect((await bench.store.positions()).get(7)).toBe(42n);
});

it("a day stays while records that may count in its hours are not read, or may still come", async () => {
  await bench.settle();
  const kept = `kept: ${FIRST_DAY} (hours_not_final)`;
  const times: number[] = [];
  const behind = async (timeMs: number) => {
    times.push(timeMs);
    return new Map([
      [0, 2],
      [1, 3],
    ]);
  };
  expect(await bench.turn({ offsetsAt: behind })).toContain(kept);
  // The end of the hour, the longest event, the oldest one that is accepted.
  expect(times).toEqual([Date.parse(`${FIRST_DAY}T11:00:00Z`) + 91 * DAY_MS]);
  const young = new ManualClock(Date.parse(`${FIRST_DAY}T11:00:00Z`) + 91 * DAY_MS);
  expect(await bench.turn({ ageMs: 90 * DAY_MS, clock: young })).toContain(kept);
  expect(await bench.rowsOf(FIRST_DAY)).toBe(6);
});

it("an export that breaks off leaves no file and drops nothing", async () => {
  await bench.settle();
  const broken = daysBut({
    async *contents(ingest_day) {
      for await (const piece of bench.days.contents(ingest_day)) {
        yield piece.subarray(0, 100);
        throw new Error("the disk is full");
      }
    },
  });
  await expect(bench.turn({ days: broken })).rejects.toThrow("the disk is full");
  expect(await readdir(bench.folder)).toEqual([]);
  expect(await bench.rowsOf(FIRST_DAY)).toBe(6);
});

it("rows that come while a day is exported keep it", async () => {
  await bench.settle();
  const late = async () => appendBatch(bench.processor, batch(0, 2, [], { duplicates: 1 }), FIRST_DAY);
  const whileExported = daysBut({
    async *contents(ingest_day) {
      yield* bench.days.contents(ingest_day);
      await late();
    },
  });
  expect(await bench.turn({ days: whileExported })).toContain(`kept: ${FIRST_DAY} (changed)`);
  expect(await bench.rowsOf(FIRST_DAY)).toBe(7);
  // Between the export and the record of the drop: the record itself asks.
  const stale = await bench.days.day(FIRST_DAY);
  const day: ExportedDay = { ...stale, day_rows: stale.day_rows - 1n, file: "f", sha256: "0", bytes: 1 };
  const recorded = daysBut({ recordDrop: (_day, hour, lease) => bench.days.recordDrop(day, hour, lease) });
  await appendBatch(bench.processor, batch(0, 3, [], { duplicates: 1 }), SECOND_DAY);
  await appendBatch(bench.processor, batch(0, 4, [{ id: "f", hour: NEXT_TEN }]), SECOND_DAY);
  await bench.settle();
  expect(await bench.turn({ days: recorded })).toContain(`kept: ${FIRST_DAY} (changed)`);
  expect(await bench.rowsOf(FIRST_DAY)).toBe(7);
});

it.each(["recordDrop", "drop"] as const)(
  "a kill between the export and %s is made good by the next turn, with the same file",
  async (step) => {
    await bench.settle();
    const charges = await bench.charges();
    const dying = daysBut({ [step]: () => Promise.reject(new Error("killed")) });
    await expect(bench.turn({ days: dying })).rejects.toThrow("killed");
    expect(await bench.rowsOf(FIRST_DAY)).toBe(6);
    const exported = await manifest(FIRST_DAY);
    // Meanwhile settlement goes on as ever.
    await bench.settle();
    const neverAgain = daysBut({
      contents: () => {
        throw new Error("exported twice");
      },
    });
    expect(await bench.turn({ days: neverAgain })).toContain(`dropped: ${FIRST_DAY}`);
    expect(await manifest(FIRST_DAY)).toEqual(exported);
    expect(await bench.charges()).toEqual(charges);
  },
);

it("a file that is not what its manifest says is written again before anything is dropped", async () => {
  await bench.settle();
  const dying = daysBut({ recordDrop: () => Promise.reject(new Error("killed")) });
  await expect(bench.turn({ days: dying })).rejects.toThrow("killed");
  await writeFile(parquet(FIRST_DAY), "half a file");
  expect(await bench.turn()).toContain(`dropped: ${FIRST_DAY}`);
  const { sha256 } = await manifest(FIRST_DAY);
  expect(
    createHash("sha256")
      .update(await readFile(parquet(FIRST_DAY)))
      .digest("hex"),
  ).toBe(sha256);
});

it("an hour of which rows were dropped is never revised: not by late records, not by hand", async () => {
  // The hour has rows on both days, so that what is left of it would add up to less.
  await appendBatch(bench.processor, batch(0, 2, [{ id: "later", hour: TEN }]), SECOND_DAY);
  await bench.settle();
  const charges = await bench.charges();
  expect(await bench.turn()).toContain(`dropped: ${FIRST_DAY}`);
  const late = batch(0, 3, [{ id: "far-too-late", hour: TEN }], { voids: [{ id: "later", hour: TEN }] });
  await appendBatch(bench.processor, late, "2026-11-25");
  expect((await bench.settle()).revised).toEqual([]);
  const by_hand = pass(settlementOver(bench.store), { reviseHour: TEN, reason: "because" });
  await expect(by_hand).rejects.toThrow("METERHOUSE_HOUR_DROPPED");
  expect(await bench.charges()).toEqual(charges);
  // Hours after it are as open to change as ever.
  await appendBatch(bench.processor, batch(0, 5, [{ id: "next", hour: NEXT_TEN }]), "2026-11-25");
  expect((await bench.settle()).revised).toHaveLength(1);
});

it("only the role `retention` may drop, and it may do nothing else", async () => {
  const drop = `ALTER TABLE usage_log DROP PARTITION '${FIRST_DAY}'`;
  for (const role of ["processor", "settlement", "pricing", "jobs", "reader"] as const) {
    await expect(bench.database.open(role).command(drop), role).rejects.toThrow(
      /Not enough privileges|readonly/,
    );
  }
  const retention = bench.database.open("retention");
  for (const statement of [
    "SELECT count() FROM usage_log",
    "INSERT INTO usage_log SELECT * FROM usage_log",
    "TRUNCATE TABLE usage_log",
    "DROP TABLE usage_log",
    "ALTER TABLE hour_close DELETE WHERE 1",
    "ALTER TABLE usage_log UPDATE gpu_time_ns = 0 WHERE 1",
  ]) {
    await expect(retention.command(statement), statement).rejects.toThrow("Not enough privileges");
  }
  await retention.command(drop);
  expect(await bench.rowsOf(FIRST_DAY)).toBe(0);
});
