import { describe, expect, it } from "vitest";
import { encodeNative } from "../../../../services/adapters/clickhouse/native.ts";
import { closingRows } from "../../../../services/domain/block/other-rows.ts";
import { encodeEvent, encodeTotals, makeEvent, makeTotals } from "../../../support/builders/events.ts";
import { HOUR_MS, NOW_HOUR, NOW_MS, type Sent, TestIntake } from "../../../support/flows/intake.ts";

const event = (seed: string, changes: Record<string, unknown> = {}, endedMs = NOW_MS): Sent =>
  encodeEvent(makeEvent(endedMs, seed, changes));

/** As many as 16 bits tell apart. */
const POSITIONS = 65_536;

/** Sends records until the block is full, as a processor does, and answers how many it took. */
function fill(stream: TestIntake, record: (i: number) => Sent, max = 1_000): number {
  let sent = 0;
  while (!stream.block.isFull && sent < max) stream.send(record(sent++));
  return sent;
}

const sendable = (stream: TestIntake): number =>
  encodeNative(stream.block, stream.block.rows, { ingestDay: 1 }).length;

describe("a block is full", () => {
  it("at its number of rows, windows and rejects among them", () => {
    const stream = new TestIntake({ block_rows_max: 10 });
    // one window, and a row each
    expect(fill(stream, (i) => event(`e${i}`))).toBe(9);
    const mixed = new TestIntake({ block_rows_max: 10 });
    expect(fill(mixed, (i) => event(`e${i}`, { tenant_id: `tenant-${i}` }))).toBe(5);
    const rejects = new TestIntake({ block_rows_max: 10 });
    expect(fill(rejects, () => ({ key: null, value: null }))).toBe(10);
  });

  it("and has room for all hours of the event that fills it", () => {
    const stream = new TestIntake({ block_rows_max: 10 });
    const day = { started_at: (NOW_MS - 24 * HOUR_MS) * 1000, gpu_time_ns: 10 ** 12, tokens_in: 1_000 };
    stream.send(event("first"));
    expect(stream.block.isFull).toBe(false);
    expect(fill(stream, (i) => event(`day-${i}`, day))).toBe(1);
    expect(stream.rows("event")).toHaveLength(26);
    expect(stream.rows("window")).toHaveLength(25);
  });

  it.each([
    ["values", { key: null, value: new Uint8Array(1_000) }],
    ["keys", { key: new Uint8Array(1_000), value: null }],
  ])("at its number of bytes of rejects' %s", (_what, record) => {
    const stream = new TestIntake({ block_bytes_max: 10_000 });
    expect(fill(stream, () => record)).toBe(10);
  });

  it("at its number of bytes of late records", () => {
    const stream = new TestIntake({ block_bytes_max: 10_000 });
    const late = event("late", {}, NOW_MS - 5 * HOUR_MS);
    expect(fill(stream, () => late)).toBe(Math.ceil(10_000 / (late.value?.length ?? 1)));
  });

  it("at as many late rows as it has room for, whatever becomes of them", () => {
    const stream = new TestIntake({ block_rows_max: 10 });
    const late = (i: number): Sent => event(`late-${i}`, {}, NOW_MS - 5 * HOUR_MS);
    expect(fill(stream, late)).toBe(10);
    const days = new TestIntake({ block_rows_max: 30 });
    const day = (i: number): Sent => {
      const endedMs = NOW_MS - 50 * HOUR_MS;
      return event(`day-${i}`, { started_at: (endedMs - 24 * HOUR_MS) * 1000 }, endedMs);
    };
    expect(fill(days, day)).toBe(2);
    const totals = new TestIntake({ block_rows_max: 10 });
    expect(fill(totals, (i) => encodeTotals(makeTotals((NOW_HOUR - 5) * HOUR_MS, `t${i}`)))).toBe(10);
    for (const one of [stream, days, totals]) {
      one.takeLate();
      expect(sendable(one)).toBeGreaterThan(0);
    }
    expect(stream.rows("event")).toHaveLength(10);
    expect(days.rows("event")).toHaveLength(50);
  });

  it("before a dictionary runs out of positions, for late totals too", () => {
    const nearlyFull = (column: "node" | "gpu_uuid" | "probe_version"): TestIntake => {
      const stream = new TestIntake();
      const texts = Array.from({ length: POSITIONS - 40 }, (_, i) => Buffer.from(`text-${i}`));
      for (const text of texts) stream.block.position(column, text);
      expect(stream.block.isFull).toBe(false);
      return stream;
    };
    const events = nearlyFull("node");
    const sent = fill(events, (i) => event(`e${i}`, { node: `node-${i}` }));
    expect(sent).toBeLessThan(40);
    expect(events.rows("event").at(-1)?.node).toBe(`node-${sent - 1}`);
    const rejects = nearlyFull("probe_version");
    expect(
      fill(rejects, (i) => event(`e${i}`, { probe_version: `p-${i}`, tokens_in: 2 ** 40 })),
    ).toBeLessThan(40);
    const totals = nearlyFull("gpu_uuid");
    const endedMs = (NOW_HOUR - 5) * HOUR_MS;
    expect(
      fill(totals, (i) => encodeTotals(makeTotals(endedMs, `t${i}`, { gpu_uuid: `GPU-${i}` }))),
    ).toBeLessThan(40);
    totals.takeLate();
    expect(totals.block.dictionary("gpu_uuid").size).toBeLessThanOrEqual(POSITIONS);
  }, 30_000);

  it("and empty again, with nothing left over, once it was cleared", () => {
    const stream = new TestIntake({ block_rows_max: 10, block_bytes_max: 10_000 });
    const before = new TestIntake({ block_rows_max: 10, block_bytes_max: 10_000 });
    fill(stream, (i) =>
      i % 2 === 0 ? event(`old-${i}`, { tenant_id: `old-${i}` }) : { key: null, value: null },
    );
    stream.send(event("late", {}, NOW_MS - 5 * HOUR_MS));
    expect(stream.block.isFull).toBe(true);
    stream.block.clear();
    expect(stream.block.isEmpty).toBe(true);
    expect(stream.block.isFull).toBe(false);
    for (const one of [stream, before]) one.send(event("new"), 1);
    const bytes = (one: TestIntake): Buffer => {
      const rows = [...one.block.rows, ...closingRows(one.block, new Map())];
      return Buffer.concat(encodeNative(one.block, rows, { ingestDay: 1 }));
    };
    expect(bytes(stream)).toEqual(bytes(before));
    expect(fill(stream, (i) => event(`new-${i}`))).toBe(8);
  });
});
