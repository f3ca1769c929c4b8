import { describe, expect, it } from "vitest";
import { homeOf } from "../../services/domain/dedupe/home.ts";
import type { KnownId } from "../../services/domain/dedupe/known-ids.ts";
import type { UsageLog } from "../../services/domain/ports/usage-log.ts";
import { encodeEvent, encodeVoid, makeEvent, uuidV7 } from "../support/builders/events.ts";
import { TEST_HASH } from "../support/builders/payload-hash.ts";
import { blockOf, guardOf, USAGE_LOGS } from "../support/stores/usage-logs.ts";

const HOUR_MS = 3_600_000;
const HOUR = Math.floor(Date.now() / HOUR_MS) - 2;
const START = HOUR * HOUR_MS;

const event = (seed: string, endedAtMs = START + 1_000, fields: Record<string, unknown> = {}) =>
  encodeEvent(makeEvent(endedAtMs, seed, fields));
const events = (partition: number, first: number, count: number) => ({
  partition,
  first,
  records: Array.from({ length: count }, (_, i) => event(`${partition}-${first + i}`)),
});

const hex = (id: Uint8Array) => Buffer.from(id).toString("hex");
const hexes = (known: readonly KnownId[]) => known.map(({ id }) => hex(id)).sort();

const HOMES = { first: 0, partitions: 2 };

async function recent(log: UsageLog, partition: number, fromHour: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { space, ids } of log.recentIds(partition, HOMES, fromHour)) {
    found.push(...ids.map(({ id }) => `${space} ${hex(id)}`));
  }
  return found.sort();
}
describe.each(USAGE_LOGS)("usage_log %s", (_name, open) => {
  it("takes a block and moves the position with it", async () => {
    const { log } = await open();
    const owned = await log.takeOver([0, 3], "a");
    expect(owned).toEqual([
      { partition: 0, epoch: 1, position: undefined },
      { partition: 3, epoch: 1, position: undefined },
    ]);
    const block = blockOf(events(0, 40, 3), events(3, 0, 2));
    expect(await log.append(block, guardOf("a", owned))).toEqual({ outcome: "applied" });
    expect(await log.positions([0, 3, 5])).toEqual(
      new Map([
        [0, 43],
        [3, 2],
      ]),
    );
    expect(await log.append(blockOf(events(3, 2, 1)), guardOf("a", owned))).toEqual({ outcome: "applied" });
    expect(await log.takeOver([3, 5], "b")).toEqual([
      { partition: 3, epoch: 2, position: 3 },
      { partition: 5, epoch: 1, position: undefined },
    ]);
  });

  it("refuses a repeat and a gap, and keeps nothing of them", async () => {
    const { log, rows } = await open();
    const owned = await log.takeOver([0], "a");
    const block = blockOf(events(0, 0, 3));
    await log.append(block, guardOf("a", owned));
    const before = await rows();
    expect(await log.append(block, guardOf("a", owned))).toEqual({ outcome: "displaced" });
    expect(await log.append(blockOf(events(0, 1, 3)), guardOf("a", owned))).toEqual({ outcome: "displaced" });
    expect(await log.append(blockOf(events(0, 4, 1)), guardOf("a", owned))).toEqual({ outcome: "displaced" });
    expect(await rows()).toBe(before);
  });

  it("refuses an owner that is no longer the newest", async () => {
    const { log, rows } = await open();
    const old = await log.takeOver([0, 1], "b");
    const owned = await log.takeOver([1], "a");
    expect(await log.append(blockOf(events(1, 0, 1)), guardOf("b", old))).toEqual({ outcome: "fenced" });
    expect(await rows()).toBe(0);
    expect(await log.append(blockOf(events(1, 0, 1)), guardOf("a", owned))).toEqual({ outcome: "applied" });
    expect(await log.append(blockOf(events(0, 0, 1)), guardOf("b", old))).toEqual({ outcome: "applied" });
  });

  it("refuses a block whole if one of its partitions is stale", async () => {
    const { log, rows } = await open();
    const owned = await log.takeOver([0, 1, 2], "a");
    await log.takeOver([2], "b");
    const block = blockOf(events(0, 0, 5), events(1, 0, 5), events(2, 0, 5));
    expect(await log.append(block, guardOf("a", owned))).toEqual({ outcome: "fenced" });
    await log.append(blockOf(events(0, 0, 1)), guardOf("a", owned));
    const before = await rows();
    const ahead = blockOf(events(1, 0, 5), events(0, 0, 5));
    expect(await log.append(ahead, guardOf("a", owned))).toEqual({ outcome: "displaced" });
    expect(await rows()).toBe(before);
    expect(await log.positions([0, 1, 2])).toEqual(new Map([[0, 1]]));
  });

  it("lets one of two win that take over at once", async () => {
    const { log } = await open();
    for (let first = 0; first < 10; first++) {
      const owners = ["a", "b", "c"];
      const owned = await Promise.all(owners.map((owner) => log.takeOver([0, 1], owner)));
      const outcomes = await Promise.all(
        owners.map(async (owner, i) => {
          const block = blockOf(events(0, first, 1), events(1, first, 1));
          return (await log.append(block, guardOf(owner, owned[i] ?? []))).outcome;
        }),
      );
      expect(outcomes.sort()).toEqual(["applied", "fenced", "fenced"]);
    }
  });

  it("refuses a block whose lease is over by the log's own clock", async () => {
    const { log, rows } = await open();
    const owned = await log.takeOver([0], "a");
    const serverMs = await log.serverTimeMs();
    expect(Math.abs(serverMs - Date.now())).toBeLessThan(60_000);
    const late = guardOf("a", owned, { leaseUntilMs: serverMs - 1 });
    expect(await log.append(blockOf(events(0, 0, 1)), late)).toEqual({ outcome: "expired" });
    expect(await rows()).toBe(0);
  });

  it("says after killInsert what became of an insert", async () => {
    const { log } = await open();
    const owned = await log.takeOver([0], "a");
    const guard = guardOf("a", owned);
    await log.killInsert(guard.name);
    expect(await log.positions([0])).toEqual(new Map());
    await log.append(blockOf(events(0, 0, 1)), guard);
    await log.killInsert(guard.name);
    expect(await log.positions([0])).toEqual(new Map([[0, 1]]));
  });

  it("remembers what belongs in a partition by its key, wherever it was counted, from an hour on", async () => {
    const { log } = await open();
    const owned = await log.takeOver([0, 1], "a");
    const at = (hours: number) => START + hours * HOUR_MS;
    const records = [
      event("old", at(-2) + 1),
      event("edge", at(0)),
      event("new", at(0) + 1),
      event("new", at(0) + 1),
      event("new", at(0) + 1, { tokens_out: 1 }),
      event("crossing", at(1) + 100, { started_at: (at(0) + 1) * 1000, gpu_time_ns: 60_000_000_000 }),
      event("broken", at(0) + 2, { gpu_time_ns: -1 }),
      encodeVoid({ event_id: uuidV7(at(0) + 1, "new"), reason: "r", issued_by: "ops", issued_at: 1 }),
    ];
    const block = blockOf({ partition: 0, first: 0, records }, events(1, 0, 2));
    expect(await log.append(block, guardOf("a", owned))).toEqual({ outcome: "applied" });
    const counted = [
      ["event", uuidV7(at(0), "edge")],
      ["event", uuidV7(at(0) + 1, "new")],
      ["event", uuidV7(at(1) + 100, "crossing")],
      ["event", uuidV7(START + 1_000, "1-0")],
      ["event", uuidV7(START + 1_000, "1-1")],
      ["void", uuidV7(at(0) + 1, "new")],
    ] as const;
    const belonging = (partition: number) =>
      counted
        .filter(([, id]) => homeOf(id, 0, HOMES) === partition)
        .map(([space, id]) => `${space} ${hex(id)}`)
        .sort();
    const found = [await recent(log, 0, HOUR), await recent(log, 1, HOUR)];
    expect(found).toEqual([belonging(0), belonging(1)]);
    expect(found.map(({ length }) => length)).not.toContain(0);
  });

  it("finds late ids wherever they are, also exactly on the hour and under another tenant", async () => {
    const { log } = await open();
    const owned = await log.takeOver([0, 1], "a");
    const ids = [START - 1, START, START + 1, START + HOUR_MS - 1].map((ms) => uuidV7(ms, `at-${ms}`));
    const instant = START - 2 * HOUR_MS;
    const records = [
      ...[START - 1, START, START + 1, START + HOUR_MS - 1].map((ms) => event(`at-${ms}`, ms)),
      event("instant", instant, { started_at: instant * 1000, gpu_time_ns: 0, gpu_busy_ns: 0 }),
      event("within a millisecond", START, { ended_at: START * 1000 + 500 }),
    ];
    const other = event("other", START, { tenant_id: "somebody-else" });
    await log.append(
      blockOf({ partition: 0, first: 0, records }, { partition: 1, first: 0, records: [other] }),
      guardOf("a", owned),
    );
    const known = [
      ...ids,
      uuidV7(instant, "instant"),
      uuidV7(START, "within a millisecond"),
      uuidV7(START, "other"),
    ];
    const unknown = Array.from({ length: 5_000 }, (_, i) => uuidV7(START + i, "unknown"));
    expect(hexes(await log.lookUp("event", [...known, ...unknown]))).toEqual(known.map(hex).sort());
    expect(await log.lookUp("void", known)).toEqual([]);
    expect(await log.lookUp("event", [])).toEqual([]);
  });

  it("tells a late copy from a conflict by its payload", async () => {
    const { log } = await open();
    const owned = await log.takeOver([0], "a");
    const id = uuidV7(START + 1_000, "0-0");
    await log.append(blockOf(events(0, 0, 1)), guardOf("a", owned));
    const [found] = await log.lookUp("event", [id]);
    const [remembered] = await recentOnce(log);
    expect([found?.low, found?.high]).toEqual([remembered?.low, remembered?.high]);
    expect(found?.low).toBeGreaterThanOrEqual(0);
    expect(found?.high).toBeGreaterThanOrEqual(0);
    const [sent] = events(0, 0, 1).records;
    const value = sent?.value as Uint8Array;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    // the body behind the header, before its two absent proofs
    expect(found).toMatchObject(TEST_HASH(view, 10, value.length - 2));
  });
});

async function recentOnce(log: UsageLog): Promise<readonly KnownId[]> {
  for await (const { ids } of log.recentIds(0, { first: 0, partitions: 1 }, HOUR)) return ids;
  return [];
}
