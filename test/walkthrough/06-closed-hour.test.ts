// Chapter 6: an hour is closed.
//
// When is an hour over? Not when the clock says so: records may be on their way. It is over when every Kafka partition was
// read past what had arrived by the hour's end and a grace. Settlement then notes how far each partition was read, the cut, adds
// up what lies before it, compares the two independent counts of it, and writes revision 1 under a hash. An event that comes
// later is not lost and changes nothing that was written: it makes revision 2.
//
// The store is in memory here; test/contract holds it and ClickHouse to the same answers.
import { expect, it } from "vitest";
import { CHAIN_START } from "../../services/domain/closing/revision.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { MemorySettlementStore } from "../support/doubles/memory-settlement-store.ts";
import { pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { batch } from "../support/stores/logged-batches.ts";

const clock = new ManualClock((TEN + 7200) * 1000);
const AN_EVENT = { id: "anna-1", hour: TEN, tenant_id: "anna" };

function twoPartitionsRead(): MemorySettlementStore {
  const store = new MemorySettlementStore(clock);
  store.append(batch(0, 0, [AN_EVENT, { id: "bert-1", hour: TEN, tenant_id: "bert" }]));
  store.append(batch(1, 0, [{ id: "anna-2", hour: TEN, tenant_id: "anna" }]));
  return store;
}

it("closes once every partition was read past the hour's end and its grace", async () => {
  const store = twoPartitionsRead();
  const closedAt = (offset: number) => ({ offsetsAt: async () => new Map([[1, offset]]) });
  const early = await pass(settlementOver(store, { clock, logTimes: closedAt(2) })); // partition 1 was read to 1
  expect([early.closed, early.waiting]).toEqual([[], [TEN]]);
  const { closed } = await pass(settlementOver(store, { clock, logTimes: closedAt(1) }));
  expect(closed).toMatchObject([{ hour: TEN, revision: 1, unique_ids: 3n, failed_checks: [] }]);
});

it("notes the cut that it covers, so that anyone can add up the same rows again", async () => {
  const { closed } = await pass(settlementOver(twoPartitionsRead(), { clock }));
  // by partition, the first offset that it does not cover
  expect(Object.fromEntries(closed[0]?.cut ?? [])).toEqual({ 0: 2n, 1: 1n });
});

it("makes a numbered revision of what comes late, and nothing of a pass that finds nothing new", async () => {
  const store = twoPartitionsRead();
  const { closed } = await pass(settlementOver(store, { clock }));
  expect((await pass(settlementOver(store, { clock }))).revised).toEqual([]);
  store.append(batch(1, 1, [{ id: "late", hour: TEN, tenant_id: "bert" }]));
  const { revised } = await pass(settlementOver(store, { clock }));
  expect(revised).toMatchObject([{ hour: TEN, revision: 2, unique_ids: 4n }]);
  expect(revised[0]?.content_hash).not.toBe(closed[0]?.content_hash);
});

it("takes an event out again if it is voided, in a revision of its own", async () => {
  const store = twoPartitionsRead();
  await pass(settlementOver(store, { clock }));
  store.append(batch(0, 2, [], { voids: [{ id: AN_EVENT.id, hour: TEN }] }));
  const { revised } = await pass(settlementOver(store, { clock }));
  expect(revised).toMatchObject([{ revision: 2, unique_ids: 3n, voided: 1n }]);
});

it("chains every close to the one before, so that none can be changed alone", async () => {
  const store = twoPartitionsRead();
  const first = (await pass(settlementOver(store, { clock }))).closed[0];
  store.append(batch(1, 1, [{ id: "late", hour: TEN }]));
  const second = (await pass(settlementOver(store, { clock }))).revised[0];
  expect(first?.previous_hash).toBe(CHAIN_START);
  expect(second?.previous_hash).toBe(first?.chain_hash);
});
