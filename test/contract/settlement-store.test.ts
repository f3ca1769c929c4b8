import { describe, expect, it } from "vitest";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { verifyHour } from "../../services/billing/verification/verify-hour.ts";
import { contentText } from "../../services/domain/closing/revision.ts";
import { hourEndMs } from "../../services/domain/time/hour.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { ELEVEN, GRACE_MS, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { batch } from "../support/stores/logged-batches.ts";
import { STORES } from "../support/stores/settlement-stores.ts";

describe.each(STORES)("settlement %s", (_name, open) => {
  it("closes a balanced hour once: revision 1, chained, charged", async () => {
    const { store, append, total } = await open();
    await append(
      batch(
        0,
        0,
        [
          { id: "a", hour: TEN },
          { id: "b", hour: TEN, tenant_id: "tenant-02" },
        ],
        { duplicates: 3 },
      ),
      batch(1, 7, [{ id: "c", hour: TEN, phase: "warmup" }]),
    );
    const first = await pass(settlementOver(store));
    expect(first.closed).toMatchObject([
      { hour: TEN, revision: 1, sequence: 1n, failed_checks: [], unique_ids: 3n, duplicates: 3n },
    ]);
    expect(first.rated).toMatchObject([{ revision: 1, rating: 1, rated: 3n, unrated: 0n }]);
    // Twice a minute at half the memory and half the power: 2.50 x 0.775 / 60 each.
    expect(await total()).toBe("0.064583333334");

    const again = await pass(settlementOver(store));
    expect([again.closed, again.revised, again.rated]).toEqual([[], [], []]);
    expect(await verifyHour({ store, hash: sha256 }, TEN, 1)).toMatchObject({
      events_match: true,
      rows_match: true,
      chain_matches: true,
    });
  });

  it("keeps every sum of an event, nulls and all", async () => {
    const { store, append } = await open();
    const full = {
      gpu_time_ns: 3_600_000_000_007n,
      gpu_busy_ns: 3_000_000_000_001n,
      communication_ns: 5n,
      memory_peak_bytes: 85_899_345_919n,
      nvlink_tx_bytes: 2n ** 62n,
      nvlink_rx_bytes: 2n ** 62n,
      outcome: "interrupted",
      mig_profile: "3g.40gb",
      apportionment: "tokens@2",
    };
    const none = { energy_uj: null, power_avg_mw: null, power_peak_mw: null };
    await append(
      batch(0, 0, [
        { id: "a", hour: TEN, ...full },
        { id: "b", hour: TEN, ...full, ...none, apportionment: "equal@1", home: 0 },
      ]),
    );
    const cut = await store.positions();
    const [row] = await store.hourUsage(TEN, cut, true);
    expect(row).toMatchObject({
      events: 1n,
      mig_profile: "3g.40gb",
      gpu_time_ns: 7_200_000_000_014n,
      gpu_busy_known_ns: 7_200_000_000_014n,
      memory_time_byte_ns: 7_200_000_000_014n * 85_899_345_919n,
      nvlink_tx_bytes: 2n ** 63n,
      energy_uj: 21_000_000_000n,
      power_peak_time_mw_ns: 3_600_000_000_007n * 500_000n,
      apportionments: ["equal@1", "tokens@2"],
    });
    expect(await store.hourUsage(TEN, cut, false)).toEqual([row]);
    expect(await store.hourAudit(TEN, cut)).toMatchObject({ slices: 2n, unique_ids: 2n, differing_keys: 0n });
  });

  it("bills unique events where the same batch was written twice, says so and keeps both numbers", async () => {
    const { store, append, total } = await open();
    const twice = batch(0, 0, [{ id: "a", hour: TEN }]);
    await append(twice, { ...twice, windows: [] });
    const { closed } = await pass(settlementOver(store));
    expect(closed).toMatchObject([
      { failed_checks: ["unique_ids", "windows", "tiling"], slices: 2n, unique_ids: 1n, differing_keys: 1n },
    ]);
    expect(closed[0]?.event_sums.gpu_time_ns).toBe(120_000_000_000n);
    expect(closed[0]?.window_sums.gpu_time_ns).toBe(60_000_000_000n);
    expect(await total()).toBe("0.032291666667");
    expect(await verifyHour({ store, hash: sha256 }, TEN, 1)).toMatchObject({ events_match: true });
  });

  it("finds windows without events, and a gap between batches", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]), {
      ...batch(0, 5, [{ id: "b", hour: TEN }]),
      events: [],
    });
    const { closed } = await pass(settlementOver(store));
    expect(closed).toMatchObject([{ failed_checks: ["windows", "tiling"], unique_ids: 1n }]);
    expect(await store.batchRuns(new Map(), await store.positions())).toEqual([
      { partition: 0, first_offset: 0n, end_offset: 1n },
      { partition: 0, first_offset: 5n, end_offset: 6n },
    ]);
    expect(await store.batchRuns(new Map([[0, 1n]]), await store.positions())).toHaveLength(1);
  });

  it("a late event makes revision 2 and a void revision 3, each once", async () => {
    const { store, append, total } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    await pass(settlementOver(store));
    await append(batch(0, 1, [{ id: "late", hour: TEN }]));
    const late = await pass(settlementOver(store));
    expect(late.revised).toMatchObject([{ hour: TEN, revision: 2, reason: "late events: 1, voids: 0" }]);
    expect(await total()).toBe("0.064583333333");

    await append(batch(0, 2, [], { voids: [{ id: "a", hour: TEN }] }));
    const voided = await pass(settlementOver(store));
    expect(voided.revised).toMatchObject([
      { hour: TEN, revision: 3, reason: "late events: 0, voids: 1", voided: 1n },
    ]);
    expect(await total()).toBe("0.032291666667");

    await append(batch(0, 3, [], { voids: [{ id: "a", hour: TEN }], duplicates: 2 }));
    const nothing = await pass(settlementOver(store));
    expect([nothing.closed, nothing.revised, nothing.rated]).toEqual([[], [], []]);
    for (const revision of [1, 2, 3]) {
      const checked = await verifyHour({ store, hash: sha256 }, TEN, revision);
      expect(checked).toMatchObject({ events_match: true, rows_match: true, chain_matches: true });
    }
  });

  it("a late event over two hours counts in the reason of both", async () => {
    const { store, append } = await open();
    await append(
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: ELEVEN },
      ]),
    );
    await pass(settlementOver(store));
    await append(
      batch(0, 2, [
        { id: "x", hour: TEN, home: 0 },
        { id: "x", hour: ELEVEN, home: 1, offset: 2 },
      ]),
    );
    const { revised } = await pass(settlementOver(store));
    expect(revised.map(({ hour, reason }) => [hour, reason])).toEqual([
      [TEN, "late events: 1, voids: 0"],
      [ELEVEN, "late events: 1, voids: 0"],
    ]);
  });

  it("a void of an event that crosses an hour revises both of its hours", async () => {
    const { store, append } = await open();
    await append(
      batch(0, 0, [
        { id: "x", hour: TEN, home: 0 },
        { id: "x", hour: ELEVEN, home: 1, offset: 0 },
      ]),
    );
    await pass(settlementOver(store));
    await append(batch(0, 2, [], { voids: [{ id: "x", hour: ELEVEN }] }));
    const { revised } = await pass(settlementOver(store));
    expect(revised.map(({ hour, revision }) => [hour, revision])).toEqual([
      [TEN, 2],
      [ELEVEN, 2],
    ]);
    expect((await store.hourUsage(TEN, await store.positions(), true)).length).toBe(0);
  });

  it("a void that comes before its event takes it out as well", async () => {
    const { store, append, total } = await open();
    await append(batch(0, 0, [], { voids: [{ id: "later", hour: TEN }] }));
    await append(batch(0, 1, [{ id: "later", hour: TEN }]));
    const { closed } = await pass(settlementOver(store));
    expect(closed).toMatchObject([{ unique_ids: 1n, voided: 1n, failed_checks: [] }]);
    expect(await total()).toBe("0.000000000000");
  });

  it("leaves an hour open until its records are all counted, and does not mind an idle partition", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const times: number[] = [];
    const until = (offsets: [number, number][]) => ({
      offsetsAt: async (timeMs: number) => {
        times.push(timeMs);
        return new Map(offsets);
      },
    });
    const behind = await pass(settlementOver(store, { logTimes: until([[0, 2]]) }));
    expect([behind.closed, behind.waiting]).toEqual([[], [TEN]]);
    const unread = await pass(
      settlementOver(store, {
        logTimes: until([
          [0, 1],
          [1, 4],
        ]),
      }),
    );
    expect(unread.waiting).toEqual([TEN]);
    const idle = await pass(
      settlementOver(store, {
        logTimes: until([
          [0, 1],
          [1, 0],
        ]),
      }),
    );
    expect(idle.closed).toHaveLength(1);
    expect(new Set(times)).toEqual(new Set([hourEndMs(TEN) + GRACE_MS]));
  });

  it("does not close an hour before its grace is over, nor beyond the hour of the request", async () => {
    const { store, append } = await open();
    await append(
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: ELEVEN },
      ]),
    );
    const early = new ManualClock(hourEndMs(TEN) + GRACE_MS - 1);
    expect((await pass(settlementOver(store, { clock: early }))).closed).toEqual([]);
    const through = await pass(settlementOver(store), { through: TEN, reason: "month's end" });
    expect(through.closed).toMatchObject([{ hour: TEN, reason: "month's end" }]);
    expect((await pass(settlementOver(store))).closed).toMatchObject([{ hour: ELEVEN, sequence: 2n }]);
  });

  it("an hour closed anew by hand without a change writes nothing", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    await pass(settlementOver(store));
    const { revised } = await pass(settlementOver(store), {
      through: 0,
      reviseHour: TEN,
      reason: "asked by audit",
    });
    expect(revised).toEqual([]);
  });

  it("the same log gives the same hash, however it was cut into batches and partitions of rows", async () => {
    const texts: string[] = [];
    const newest: string[] = [];
    for (const split of [1, 2]) {
      const { store, append } = await open();
      const events = ["a", "b", "c", "d"].map((id, index) => ({
        id,
        hour: TEN,
        tenant_id: `tenant-${index % 2}`,
      }));
      const size = events.length / split;
      for (let start = 0; start < events.length; start += size) {
        await append(batch(0, start, events.slice(start, start + size)));
      }
      const rows = await store.hourUsage(TEN, await store.positions(), true);
      texts.push(contentText({ hour: TEN, unique_ids: 4n, voided: 0n, rows }, 1));
      newest.push(contentText({ hour: TEN, unique_ids: 4n, voided: 0n, rows }, 2));
    }
    expect(texts[0]).toBe(texts[1]);
    expect(newest[0]).toBe(newest[1]);
    expect(sha256(texts[0] ?? "")).toBe(GOLDEN);
  });
});

/** Of four events in two tenants; a change means that old hours can no longer be verified. */
const GOLDEN = "f8974ea611a212e2a52f014e86a3df2c2637302eb0d778bf7f2bdcac3039aff3";
