// Floods: late events for many closed hours delay neither another tenant's close nor, for long, its own late event.
import { describe, expect, it } from "vitest";
import type { Cut } from "../../../services/domain/closing/cut.ts";
import type { HourClose } from "../../../services/domain/closing/revision.ts";
import type { Lease } from "../../../services/domain/ports/leases.ts";
import { hourEndMs } from "../../../services/domain/time/hour.ts";
import { ManualClock } from "../../support/doubles/manual-clock.ts";
import { MemorySettlementStore } from "../../support/doubles/memory-settlement-store.ts";
import { pass, settlementOver, TEN } from "../../support/flows/settlement-pass.ts";
import { batch } from "../../support/stores/logged-batches.ts";

const FLOODED = 60;
const LIMITS = { hours_max: 10, pause_ms: 900_000 };
const hours = Array.from({ length: FLOODED }, (_, i) => TEN + i * 3600);
const OPEN = TEN + FLOODED * 3600;

/** Sixty closed hours, an hour that is over and open, and the order in which revisions are committed. */
async function flooded() {
  const clock = new ManualClock(hourEndMs(OPEN) - 2_900_000);
  const committed: { readonly hour: number; readonly revision: number }[] = [];
  class Store extends MemorySettlementStore {
    override async commitCloses(closes: readonly HourClose[], lease: Lease): Promise<void> {
      await super.commitCloses(closes, lease);
      committed.push(...closes.map(({ hour, revision }) => ({ hour, revision })));
    }
  }
  const store = new Store(clock);
  const deps = settlementOver(store, { clock });
  store.append(
    batch(
      0,
      0,
      hours.map((hour, i) => ({ id: `first-${i}`, hour })),
    ),
  );
  await pass(deps);
  await clock.advance(3_600_000);
  committed.length = 0;
  let next = FLOODED;
  const send = (...events: { readonly id: string; readonly hour: number }[]) => {
    store.append(batch(0, next, events));
    next += events.length;
  };
  const flood = (round: number) => send(...hours.map((hour, i) => ({ id: `late-${round}-${i}`, hour })));
  return { clock, deps, store, committed, send, flood };
}

describe("late events of one tenant in sixty closed hours", () => {
  it("leave the close of the open hour first, and are revised as many at a time as the limit says", async () => {
    const { deps, committed, send, flood } = await flooded();
    flood(1);
    send({ id: "honest", hour: OPEN });
    const { closed, revised, unrevised } = await pass(deps, { revisionLimits: LIMITS });
    expect(closed.map(({ hour }) => hour)).toEqual([OPEN]);
    expect(committed[0]).toEqual({ hour: OPEN, revision: 1 });
    expect([revised.length, unrevised.length]).toEqual([LIMITS.hours_max, FLOODED - LIMITS.hours_max]);
    const { body } = await deps.metrics.exposition();
    expect(body).toMatch(/^meterhouse_revisions_waiting\{.*\} 50$/m);
  });

  it("that never end delay another tenant's late event by one round", async () => {
    const { deps, clock, send, flood } = await flooded();
    const honest = hours.at(-1) as number;
    send({ id: "honest", hour: honest });
    let passes = 0;
    for (let isRevised = false; !isRevised; passes++) {
      flood(passes);
      const { revised } = await pass(deps, { revisionLimits: LIMITS });
      isRevised = revised.some(({ hour }) => hour === honest);
      await clock.advance(300_000);
    }
    expect(passes).toBeLessThanOrEqual(FLOODED / LIMITS.hours_max);
  });

  it("of one hour share a revision for as long as the pause is, and none is left out", async () => {
    const { deps, clock, send } = await flooded();
    const revisions: HourClose[] = [];
    for (let minute = 0; minute < 60; minute += 5) {
      send({ id: `late-${minute}`, hour: TEN });
      revisions.push(...(await pass(deps, { revisionLimits: LIMITS })).revised);
      await clock.advance(300_000);
    }
    await clock.advance(LIMITS.pause_ms);
    revisions.push(...(await pass(deps, { revisionLimits: LIMITS })).revised);
    expect(revisions.length).toBeLessThanOrEqual(5);
    expect(revisions.at(-1)?.unique_ids).toBe(13n);
    expect((await deps.store.dirtyHours(await deps.store.positions())).length).toBe(0);
  });

  it("never hold back a void, which no later pass would find", async () => {
    const { deps, store } = await flooded();
    const voids = hours.slice(0, 20).map((hour, i) => ({ id: `first-${i}`, hour }));
    store.append(batch(0, FLOODED, [], { voids }));
    const { revised } = await pass(deps, { revisionLimits: LIMITS });
    expect(revised.map(({ hour }) => hour)).toEqual(hours.slice(0, 20));
    const cut: Cut = await store.positions();
    expect(await store.dirtyHours(cut)).toEqual([]);
  });
});
