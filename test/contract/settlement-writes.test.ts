import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { StaleLeaderError } from "../../services/adapters/clickhouse/leader.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import type { LeaseAnswer } from "../../services/domain/ports/leases.ts";
import { runPass } from "../../services/settlement/run-pass.ts";
import { demoBook, H100 } from "../support/builders/price-books.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { batch } from "../support/stores/logged-batches.ts";
import { STORES } from "../support/stores/settlement-stores.ts";

function held(answer: LeaseAnswer) {
  if (answer.kind !== "held") throw new Error(`${answer.owner} leads`);
  return answer.lease;
}

describe.each(STORES)("leading, chaining and pricing %s", (_name, open) => {
  it("one leads: another owner waits, a stale one cannot write", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const first = held(await store.takeLease("first", 60_000));
    expect(await runPass(settlementOver(store, { owner: "second" }))).toMatchObject({
      kind: "not_leader",
      owner: "first",
    });
    await store.releaseLease(first);
    const second = settlementOver(store, { owner: "second" });
    const { closed } = await pass(second);
    const [close] = closed;
    if (close === undefined) throw new Error("not closed");
    const stale = { ...close, sequence: 2n, revision: 2 };
    await expect(store.commitCloses([stale], first)).rejects.toThrow(StaleLeaderError);
    await expect(store.renewLease(first, 1_000)).rejects.toThrow(StaleLeaderError);
  });

  it("a lease that is over writes nothing, and a place in the chain is taken once", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const { closed, rated } = await pass(settlementOver(store));
    const [close, rating] = [closed[0], rated[0]];
    if (close === undefined || rating === undefined) throw new Error("not closed");
    const lease = held(await store.takeLease("first", 60_000));
    // the hour's next revision, so that its place in the chain is all that is wrong
    const again = { ...close, revision: 2, attempt_id: randomUUID() };
    await expect(store.commitCloses([again], lease)).rejects.toThrow("METERHOUSE_SEQUENCE_TAKEN");
    await store.releaseLease(lease);
    await systemClock.sleep(2);
    const writes = [
      () => store.commitCloses([{ ...close, sequence: 2n, revision: 2 }], lease),
      () => store.commitRatings([{ ...rating, rating: 2 }], lease),
    ];
    for (const write of writes) await expect(write()).rejects.toThrow("METERHOUSE_LEASE_OVER");
  });

  it("who led before writes nothing while another leads, whatever it is", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const { closed, rated } = await pass(settlementOver(store));
    const [close, rating] = [closed[0], rated[0]];
    if (close === undefined || rating === undefined) throw new Error("not closed");
    const before = held(await store.takeLease("second", 60_000));
    await store.releaseLease(before);
    const lease = held(await store.takeLease("first", 60_000));
    // each would be in its place, and the lease that counts is not over: only who leads is left to refuse it
    const nextClose = { ...close, sequence: 2n, revision: 2 };
    const nextRating = { ...rating, rating: 2 };
    for (const stale of [before, { ...lease, owner: "e" }, { ...lease, owner: "g" }]) {
      const writes = [
        () => store.commitCloses([nextClose], stale),
        () => store.commitRatings([nextRating], stale),
      ];
      for (const write of writes) await expect(write()).rejects.toThrow("METERHOUSE_STALE_LEADER");
    }
    expect((await store.latestClose())?.sequence).toBe(1n);
    await store.commitCloses([nextClose], lease);
    await store.commitRatings([nextRating], lease);
  });

  it("a revision of an hour is the next one", async () => {
    const { store, append } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const { closed } = await pass(settlementOver(store));
    const [close] = closed;
    if (close === undefined) throw new Error("not closed");
    const lease = held(await store.takeLease("second", 60_000));
    for (const revision of [1, 3]) {
      const taken = { ...close, sequence: 2n, revision, attempt_id: randomUUID() };
      await expect(store.commitCloses([taken], lease)).rejects.toThrow("METERHOUSE_REVISION_TAKEN");
    }
    await store.commitCloses([{ ...close, sequence: 2n, revision: 2, attempt_id: randomUUID() }], lease);
  });

  it("each rating of a revision is the next one, and is made once", async () => {
    const { store, append, total } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const { rated } = await pass(settlementOver(store));
    const [rating] = rated;
    if (rating === undefined) throw new Error("not rated");
    const lease = held(await store.takeLease("second", 60_000));
    for (const number of [1, 3]) {
      const taken = { ...rating, rating: number, attempt_id: randomUUID() };
      await expect(store.commitRatings([taken], lease)).rejects.toThrow("METERHOUSE_SEQUENCE_TAKEN");
    }
    expect(await total()).toBe("0.032291666667");
    await store.commitRatings([{ ...rating, rating: 2, attempt_id: randomUUID() }], lease);
    expect(await total()).toBe("0.000000000000");
  });

  it("the chain links each close to the one before", async () => {
    const { store, append } = await open();
    await append(
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: ELEVEN },
      ]),
    );
    const { closed } = await pass(settlementOver(store));
    await append(batch(0, 2, [{ id: "c", hour: TEN }]));
    const { revised } = await pass(settlementOver(store));
    const chain = [...closed, ...revised];
    expect(chain.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
    expect(chain[0]?.previous_hash).toMatch(/^0{64}$/);
    expect(chain[1]?.previous_hash).toBe(chain[0]?.chain_hash);
    expect(chain[2]?.previous_hash).toBe(chain[1]?.chain_hash);
    expect(await store.latestClose()).toEqual(chain[2]);
    expect(await store.hourClose(TEN, 1)).toEqual(chain[0]);
    expect(await store.hourClose(TEN)).toEqual(chain[2]);
    expect(await store.hourClose(TEN + 36_000)).toBe(null);
  });

  it("an hour without a price book closes, and is charged once a book is there", async () => {
    const { store, append, total, publish } = await open([]);
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    const before = await pass(settlementOver(store));
    expect([before.closed.length, before.rated, before.unpriced]).toEqual([1, [], [TEN]]);
    expect(await total()).toBe("0.000000000000");
    expect(await publish(demoBook())).toBe("published");
    const after = await pass(settlementOver(store));
    expect([after.closed, after.rated.length, after.unpriced]).toEqual([[], 1, []]);
    expect(await total()).toBe("0.032291666667");
  });

  it("a card without a price waits alone, until a later book has it", async () => {
    const { store, append, total, publish } = await open();
    await append(
      batch(0, 0, [
        { id: "a", hour: ELEVEN },
        { id: "b", hour: ELEVEN, gpu_model: "NVIDIA B300" },
      ]),
    );
    const first = await pass(settlementOver(store));
    expect(first.rated).toMatchObject([{ rated: 1n, unrated: 1n, unrated_gpus: ["NVIDIA B300"] }]);
    expect(first.unpriced).toEqual([ELEVEN]);
    expect((await pass(settlementOver(store))).rated).toEqual([]);

    const [h100] = demoBook().gpus;
    if (h100 === undefined) throw new Error(`no price for ${H100}`);
    const gpus = [{ ...h100, gpu_model: "NVIDIA B300", rate_per_gpu_hour: 5_000_000_000_000n }, h100];
    const book = { ...demoBook(), name: "with B300", effective_from: ELEVEN, gpus };
    expect(await publish(book)).toBe("published");
    const second = await pass(settlementOver(store));
    expect(second.rated).toMatchObject([{ rating: 2, rated: 2n, unrated: 0n }]);
    expect(await total()).toBe("0.096875000000");
  });

  it("a card that no book had is priced by a supplement, though later hours are rated", async () => {
    const { store, append, total, publish } = await open();
    await append(
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: TEN, gpu_model: "NVIDIA B300" },
        { id: "c", hour: ELEVEN },
      ]),
    );
    expect((await pass(settlementOver(store))).unpriced).toEqual([TEN]);
    const [stored] = await store.priceBooks();
    const [h100] = demoBook().gpus;
    if (h100 === undefined || stored === undefined) throw new Error(`no price for ${H100}`);
    const b300 = { ...h100, gpu_model: "NVIDIA B300", rate_per_gpu_hour: 5_000_000_000_000n };
    const book = { ...demoBook(), name: "with B300", supplements: stored.hash, gpus: [b300, h100] };
    const dearer = { ...h100, rate_per_gpu_hour: 9_000_000_000_000n };
    const wrong = [
      { ...book, gpus: [b300, dearer] },
      { ...book, gpus: [h100] },
      { ...book, effective_from: TEN },
      { ...book, supplements: "0".repeat(64) },
    ];
    for (const other of wrong) expect(await publish(other)).toBe("no_supplement");
    expect(await publish(book)).toBe("published");
    const { rated, unpriced } = await pass(settlementOver(store));
    expect([unpriced, rated.map(({ hour, rating, unrated }) => [hour, rating, unrated])]).toEqual([
      [],
      [[TEN, 2, 0n]],
    ]);
    expect(await total()).toBe("0.129166666667");
    expect((await pass(settlementOver(store))).rated).toEqual([]);
  });

  it("a published book never changes, and none takes effect in hours that are charged", async () => {
    const { store, append, publish } = await open();
    await append(batch(0, 0, [{ id: "a", hour: TEN }]));
    await pass(settlementOver(store));
    expect(await publish({ ...demoBook(), name: "other prices" })).toBe("overlaps");
    expect(await publish({ ...demoBook(), effective_from: TEN })).toBe("too_late");
    expect(await publish({ ...demoBook(), effective_from: ELEVEN })).toBe("published");
    expect(await store.priceBooks()).toHaveLength(2);
  });
});
