// A close or a rating that takes longer than the lease: alone it ends well, with a rival that took over it is refused.
import { describe, expect, it } from "vitest";
import { StaleLeaderError } from "../../services/adapters/clickhouse/leader.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import type { SettlementStore } from "../../services/domain/ports/settlement-store.ts";
import { runPass } from "../../services/settlement/run-pass.ts";
import { pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { batch } from "../support/stores/logged-batches.ts";
import { STORES } from "../support/stores/settlement-stores.ts";

const LEASE_MS = 600;

/** A store whose writes of one kind are held up by `wait`. */
function slowStore(
  store: SettlementStore,
  slow: "writeUsage" | "writeCharges",
  wait: () => Promise<void>,
): SettlementStore {
  return new Proxy(store, {
    get(target, name: keyof SettlementStore) {
      const method = target[name] as (...values: unknown[]) => Promise<unknown>;
      return async (...values: unknown[]) => {
        if (name === slow) await wait();
        return method.apply(target, values);
      };
    },
  });
}

/** Settlement by the machine's clock, long after the hour. */
const slowPass = (store: SettlementStore) =>
  settlementOver(store, {
    leaseMs: LEASE_MS,
    clock: { ...systemClock, nowMs: () => TEN * 1000 + 86_400_000 },
  });

describe.each(STORES)("work that is slower than the lease, %s", (_name, open) => {
  it.each(["writeUsage", "writeCharges"] as const)("ends well without a rival: %s", async (slow) => {
    const { store, append, total } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const slowly = slowStore(store, slow, async () => {
      await systemClock.sleep(2 * LEASE_MS);
      // it is renewed while the work goes on, and not only at its end
      expect(await store.takeLease("rival", 60_000)).toMatchObject({ kind: "taken" });
    });
    expect(await pass(slowPass(slowly))).toMatchObject({ closed: [{ hour: TEN }], rated: [{ rated: 1n }] });
    expect(await total()).toBe("0.032291666667");
  });

  it.each(["writeUsage", "writeCharges"] as const)("is refused where a rival took over: %s", async (slow) => {
    const { store, append, total } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const rival = async () => {
      // as if this process had stalled until its lease was over
      const answer = await store.takeLease("settlement-1", 0);
      if (answer.kind !== "held") throw new Error(`${answer.owner} leads`);
      await systemClock.sleep(2);
      expect(await store.takeLease("rival", 60_000)).toMatchObject({ kind: "held" });
    };
    await expect(runPass(slowPass(slowStore(store, slow, rival)))).rejects.toThrow(
      new StaleLeaderError("METERHOUSE_STALE_LEADER"),
    );
    expect(await total()).toBe("0.000000000000");
  });
});
