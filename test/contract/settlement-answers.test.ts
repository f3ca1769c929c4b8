// A close compares what it read with what it audited: a store that answers nothing, or half, closes nothing.
import { describe, expect, it } from "vitest";
import type { HourAudit } from "../../services/domain/closing/audit.ts";
import { type UsageRow, usageSums } from "../../services/domain/closing/usage.ts";
import type { SettlementStore } from "../../services/domain/ports/settlement-store.ts";
import { runPass } from "../../services/settlement/run-pass.ts";
import { pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { batch } from "../support/stores/logged-batches.ts";
import { STORES } from "../support/stores/settlement-stores.ts";

const INCOMPLETE = { name: "ClickHouseFailure", kind: "retriable", code: "INCOMPLETE" };

/** The store, but for some of its answers. */
const but = (store: SettlementStore, answers: Partial<SettlementStore>): SettlementStore =>
  new Proxy(store, {
    get(target, name: keyof SettlementStore) {
      const answer = answers[name] ?? target[name];
      return answer.bind(target);
    },
  });

const withoutRows = (audit: HourAudit): HourAudit => {
  const none = usageSums(() => 0n);
  return { ...audit, slices: 0n, unique_ids: 0n, event_sums: none, window_sums: none };
};

describe.each(STORES)("a close over %s", (_name, open) => {
  it("refuses rows that are none, fewer or other than the audited ones, and closes once they come", async () => {
    const { store, append } = await open();
    await append(
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: TEN, tenant_id: "other" },
      ]),
    );
    const read = (change: (rows: readonly UsageRow[]) => readonly UsageRow[]): Partial<SettlementStore> => ({
      hourUsages: async (cuts, areUnique) =>
        new Map([...(await store.hourUsages(cuts, areUnique))].map(([hour, rows]) => [hour, change(rows)])),
    });
    const lies: Partial<SettlementStore>[] = [
      { hourUsages: async () => new Map() },
      { hourAudits: async () => new Map(), hourUsages: async () => new Map() },
      read((rows) => rows.slice(1)),
      read((rows) => rows.map((row) => ({ ...row, events: row.events + 1n }))),
    ];
    for (const lie of lies) {
      await expect(runPass(settlementOver(but(store, lie)))).rejects.toMatchObject(INCOMPLETE);
      expect(await store.latestClose()).toBeNull();
    }
    const { closed } = await pass(settlementOver(store));
    expect(closed).toMatchObject([{ hour: TEN, revision: 1, unique_ids: 2n, failed_checks: [] }]);
  });

  it("refuses to revise an hour of which rows are gone", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    await pass(settlementOver(store));
    const hourAudits: SettlementStore["hourAudits"] = async (cuts) =>
      new Map([...(await store.hourAudits(cuts))].map(([hour, audit]) => [hour, withoutRows(audit)]));
    const empty = but(store, { hourAudits, hourUsages: async () => new Map() });
    const request = { through: 0, reviseHour: TEN, reason: "by hand" };
    await expect(runPass(settlementOver(empty), request)).rejects.toMatchObject(INCOMPLETE);
    expect((await store.hourClose(TEN))?.revision).toBe(1);
  });

  it("waits while the log ends before what is closed", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    await pass(settlementOver(store));
    const behind = but(store, { positions: async () => new Map() });
    await expect(runPass(settlementOver(behind))).rejects.toMatchObject({
      kind: "retriable",
      code: "LOG_BEHIND",
    });
  });
});
