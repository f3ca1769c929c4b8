import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createLog } from "../../../services/adapters/log/log.ts";
import type { Log } from "../../../services/domain/ports/log.ts";
import type { AppendResult, UsageLog } from "../../../services/domain/ports/usage-log.ts";
import { encodeEvent, makeEvent } from "../../support/builders/events.ts";
import { NOW_MS, TestProcessor, whileTimePasses, world } from "../../support/flows/pipeline.ts";

const HOUR_MS = 3_600_000;
const event = (seed: string, endedAtMs = NOW_MS - 1_000) => encodeEvent(makeEvent(endedAtMs, seed));
const events = (count: number, from = 0) => Array.from({ length: count }, (_, i) => event(`${from + i}`));

/** A log whose inserts wait until they are let go, one after the other. */
function gated(log: UsageLog): { log: UsageLog; waiting: (() => void)[] } {
  const waiting: (() => void)[] = [];
  const slow: UsageLog = Object.create(log, {
    append: {
      value: async (...args: Parameters<UsageLog["append"]>): Promise<AppendResult> => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return log.append(...args);
      },
    },
  });
  return { log: slow, waiting };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

const counted = (rows: ReturnType<typeof world>["log"]["rows"]) =>
  rows.filter(({ kind }) => kind === "event").length;
const position = async (shared: ReturnType<typeof world>) => (await shared.log.positions([0])).get(0);

describe("a block", () => {
  it("goes when it is full, and what is left when its time is up", async () => {
    const shared = world();
    const processor = new TestProcessor("a", shared);
    shared.partitions[0]?.append(...events(250));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 250);
    await settled();
    const first = (await position(shared)) ?? 0;
    expect(first).toBeGreaterThan(150);
    expect(first).toBeLessThan(250);
    await shared.clock.advance(1_000);
    await settled();
    expect(await position(shared)).toBe(250);
  });

  it("goes in time also after a takeover during which its time was up", async () => {
    const shared = world();
    const processor = new TestProcessor("a", shared);
    shared.partitions[0]?.append(...events(20));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 10);
    const taken = processor.pipeline.assigned([0]);
    await shared.clock.advance(1_000);
    expect(await taken).toEqual(new Map([[0, 0]]));
    await processor.read(0, 0, 20);
    await shared.clock.advance(1_000);
    await settled();
    expect(await position(shared)).toBe(20);
  });

  it.each(["lost_request", "lost_answer", "late_request"] as const)(
    "is in the log once when its insert gets no answer: %s",
    async (loss) => {
      const shared = world();
      const processor = new TestProcessor("a", shared);
      shared.partitions[0]?.append(...events(10));
      await processor.pipeline.assigned([0]);
      shared.log.loseInserts(loss, loss);
      await processor.read(0, 0, 10);
      await whileTimePasses(shared.clock, processor, processor.pipeline.close());
      shared.log.arrive();
      expect(await position(shared)).toBe(10);
      expect(counted(shared.log.rows)).toBe(10);
      expect(processor.failures).toEqual([]);
    },
  );
});

describe("a block that finds no room", () => {
  it("is tried with growing pauses up to a ceiling, said once, and goes in by itself when there is room", async () => {
    const shared = world();
    let hasRoom = false;
    const triesMs: number[] = [];
    const full: UsageLog = Object.create(shared.log, {
      append: {
        value: async (...args: Parameters<UsageLog["append"]>): Promise<AppendResult> => {
          triesMs.push(shared.clock.monotonicMs());
          return hasRoom ? shared.log.append(...args) : { outcome: "unknown", cause: "243 no space" };
        },
      },
    });
    const said: string[] = [];
    const say = (_about: object, text: string) => said.push(text);
    const log = { ...createLog({ level: "silent", name: "test" }), warn: say, info: say } as Log;
    const processor = new TestProcessor("a", shared, {}, full, log);
    shared.partitions[0]?.append(...events(10));
    await processor.pipeline.assigned([0]);
    said.splice(0);
    await processor.read(0, 0, 10);
    const closed = processor.pipeline.close();
    await settled();
    for (let i = 0; i < 600; i++) {
      processor.beat();
      await shared.clock.advance(100);
      await settled();
    }
    const pauses = triesMs.slice(1).map((ms, i) => ms - (triesMs[i] ?? 0));
    expect(pauses.slice(0, 7)).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 10_000]);
    expect(Math.max(...pauses)).toBe(10_000);
    hasRoom = true;
    await whileTimePasses(shared.clock, processor, closed);
    expect(await position(shared)).toBe(10);
    expect(counted(shared.log.rows)).toBe(10);
    expect(said).toEqual([
      "an insert got no answer or no room; trying until it is in the log",
      "usage_log takes inserts again",
    ]);
  });

  it("is given up when the process may wait no longer", async () => {
    const shared = world();
    const full: UsageLog = Object.create(shared.log, {
      append: { value: async (): Promise<AppendResult> => ({ outcome: "unknown", cause: "243 no space" }) },
    });
    const processor = new TestProcessor("a", shared, {}, full);
    shared.partitions[0]?.append(...events(10));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 10);
    const closed = processor.pipeline.close();
    await shared.clock.asleep();
    processor.patience.abort(new Error("no longer"));
    await closed;
    expect(processor.failures).toEqual([]);
  });
});

describe("forgetting", () => {
  it("never makes a copy in the same block count again", async () => {
    const shared = world();
    const { log, waiting } = gated(shared.log);
    // the first block alone holds more ids than may be remembered
    const processor = new TestProcessor("a", shared, { block_rows_max: 50, dedupe_ids_max: 10 }, log);
    shared.partitions[0]?.append(...events(60), event("twin"), event("twin"), ...events(60, 100));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 61);
    await settled();
    expect(waiting).toHaveLength(1);
    waiting.shift()?.();
    await settled();
    const closed = processor.read(0, 61, 122).then(() => processor.pipeline.close());
    for (let i = 0; i < 20; i++) {
      await settled();
      waiting.shift()?.();
    }
    await closed;
    expect(await position(shared)).toBe(122);
    expect(counted(shared.log.rows)).toBe(121);
  });

  it("looks late copies up that the block on its way holds", async () => {
    const shared = world();
    const { log, waiting } = gated(shared.log);
    const processor = new TestProcessor("a", shared, { block_rows_max: 10 }, log);
    const late = Array.from({ length: 30 }, (_, i) => event(`late-${i % 10}`, NOW_MS - 50 * HOUR_MS));
    shared.partitions[0]?.append(...late);
    await processor.pipeline.assigned([0]);
    const closed = processor.read(0, 0, 30).then(() => processor.pipeline.close());
    for (let i = 0; i < 20; i++) {
      await settled();
      waiting.shift()?.();
    }
    await closed;
    expect(await position(shared)).toBe(30);
    expect(counted(shared.log.rows)).toBe(10);
  });
});

describe("an owner", () => {
  it("that lost its partition stops there and starts again from the log", async () => {
    const shared = world();
    const old = new TestProcessor("z", shared);
    const next = new TestProcessor("a", shared);
    shared.partitions[0]?.append(...events(20));
    await old.pipeline.assigned([0]);
    await old.read(0, 0, 10);
    await next.pipeline.assigned([0]);
    await shared.clock.advance(1_000);
    await settled();
    expect(old.restarts).toBe(1);
    expect(await position(shared)).toBeUndefined();
    await old.read(0, 10, 20);
    await shared.clock.advance(1_000);
    await settled();
    expect(old.restarts).toBe(1);
    await next.read(0, 0, 20);
    await next.pipeline.close();
    expect(await position(shared)).toBe(20);
    expect(old.failures).toEqual([]);
  });

  it("that takes over knows the ids that were counted before it", async () => {
    const shared = world();
    const before = new TestProcessor("a", shared);
    const next = new TestProcessor("b", shared);
    shared.partitions[0]?.append(...events(10), ...events(10));
    await before.pipeline.assigned([0]);
    await before.read(0, 0, 10);
    await before.pipeline.close();
    await next.pipeline.assigned([0]);
    await next.read(0, 10, 20);
    await next.pipeline.close();
    expect(await position(shared)).toBe(20);
    expect(counted(shared.log.rows)).toBe(10);
  });

  it("of an older assignment does not come after the newer one", async () => {
    const shared = world(2);
    const taken: string[] = [];
    let letGo: () => void = () => undefined;
    const slowly = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const log: UsageLog = Object.create(shared.log, {
      takeOver: {
        value: async (partitions: readonly number[], owner: string) => {
          taken.push(partitions.join());
          if (partitions.length === 2) await slowly;
          return shared.log.takeOver(partitions, owner);
        },
      },
    });
    const processor = new TestProcessor("a", shared, {}, log);
    const older = processor.pipeline.assigned([0, 1]);
    await settled();
    const newer = processor.pipeline.assigned([0]);
    await settled();
    letGo();
    expect(await older).toEqual(new Map());
    expect(await newer).toEqual(new Map([[0, 0]]));
    expect(taken).toEqual(["0,1", "0"]);
    shared.partitions[0]?.append(...events(5));
    await processor.read(0, 0, 5);
    await processor.pipeline.close();
    expect(await position(shared)).toBe(5);
  });

  it("sends nothing while no heartbeat gets through, and goes on with the next", async () => {
    const shared = world();
    const { log, waiting } = gated(shared.log);
    const processor = new TestProcessor("a", shared, {}, log);
    shared.partitions[0]?.append(...events(5));
    await processor.pipeline.assigned([0]);
    await shared.clock.advance(20_001);
    await processor.read(0, 0, 5);
    await shared.clock.advance(5_000);
    expect(waiting).toEqual([]);
    processor.beat();
    await shared.clock.advance(1_000);
    expect(waiting).toHaveLength(1);
    waiting.shift()?.();
    await settled();
    expect(await position(shared)).toBe(5);
  });

  it("learns that the server's clock was set forward", async () => {
    const shared = world();
    let jumpMs = 0;
    const log: UsageLog = Object.create(shared.log, {
      serverTimeMs: { value: async () => shared.clock.nowMs() + jumpMs },
      append: {
        value: async (...[block, guard]: Parameters<UsageLog["append"]>): Promise<AppendResult> =>
          shared.clock.nowMs() + jumpMs > guard.leaseUntilMs
            ? { outcome: "expired" }
            : shared.log.append(block, { ...guard, leaseUntilMs: guard.leaseUntilMs - jumpMs }),
      },
    });
    const processor = new TestProcessor("a", shared, {}, log);
    shared.partitions[0]?.append(...events(5));
    await processor.pipeline.assigned([0]);
    jumpMs = HOUR_MS;
    await processor.read(0, 0, 5);
    await shared.clock.advance(1_000);
    await settled();
    expect(await position(shared)).toBe(5);
  });
});

describe("closing", () => {
  it("writes what was read, also late records, and takes nothing more", async () => {
    const shared = world();
    const processor = new TestProcessor("a", shared);
    shared.partitions[0]?.append(...events(5), event("late", NOW_MS - 50 * HOUR_MS), ...events(5, 10));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 6);
    await processor.pipeline.close();
    expect(await position(shared)).toBe(6);
    await processor.read(0, 6, 11);
    await processor.pipeline.close();
    expect(await position(shared)).toBe(6);
    expect(processor.failures).toEqual([]);
  });

  it("gives up without fault when the log does not answer in time", async () => {
    const shared = world();
    const reason = new Error("the process is stopping");
    const away: UsageLog = Object.create(shared.log, {
      append: { value: async () => ({ outcome: "unknown", cause: "away" }) },
      killInsert: {
        value: () =>
          new Promise((_resolve, reject) => {
            processor.patience.signal.addEventListener("abort", () => reject(reason));
          }),
      },
    });
    const processor = new TestProcessor("a", shared, {}, away);
    shared.partitions[0]?.append(...events(5));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 5);
    const closed = processor.pipeline.close();
    await settled();
    processor.patience.abort(reason);
    await closed;
    expect(processor.failures).toEqual([]);
    expect(processor.restarts).toBe(0);
  });
});

describe("the event loop", () => {
  /** Turns that somebody else gets while `work` goes on. */
  async function turnsDuring(work: Promise<unknown>): Promise<number> {
    let isOver = false;
    void work.finally(() => {
      isOver = true;
    });
    let turns = 0;
    while (!isOver) {
      await turn();
      turns++;
    }
    return turns;
  }

  it("gets a turn at least every thousand records, whoever fills the block", async () => {
    const shared = world();
    const processor = new TestProcessor("a", shared, { block_rows_max: 100_000 });
    shared.partitions[0]?.append(...events(10_000));
    await processor.pipeline.assigned([0]);
    const turns = await turnsDuring(processor.read(0, 0, 10_000));
    expect(turns).toBeGreaterThanOrEqual(10);
    await processor.pipeline.close();
    expect(counted(shared.log.rows)).toBe(10_000);
  });

  it("gets as many while late records are resolved", async () => {
    const shared = world();
    const processor = new TestProcessor("a", shared, { block_rows_max: 100_000 });
    const old = NOW_MS - 10 * HOUR_MS;
    shared.partitions[0]?.append(...Array.from({ length: 5_000 }, (_, i) => event(`${i % 4_000}`, old)));
    await processor.pipeline.assigned([0]);
    await processor.read(0, 0, 5_000);
    const turns = await turnsDuring(processor.pipeline.close());
    expect(turns).toBeGreaterThanOrEqual(4);
    expect(counted(shared.log.rows)).toBe(4_000);
  });
});
