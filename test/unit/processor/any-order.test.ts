import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { UsageLog } from "../../../services/domain/ports/usage-log.ts";
import { encodeEvent, makeEvent } from "../../support/builders/events.ts";
import type { LostInsert } from "../../support/doubles/memory-usage-log.ts";
import { NOW_MS, TestProcessor, type World, whileTimePasses, world } from "../../support/flows/pipeline.ts";

const PARTITIONS = [0, 1];
const HOUR_MS = 3_600_000;
const LIMITS = { block_rows_max: 8, dedupe_ids_max: 4, flush_ms: 1_000 };

/** Does what the source does, but whenever the test says so. */
class Member {
  readonly processor: TestProcessor;
  private partitions: readonly number[] = [];
  private next = new Map<number, number>();
  private generation = 0;
  private restarts = 0;
  private readonly shared: World;

  constructor(name: string, shared: World, delays: readonly number[]) {
    this.shared = shared;
    this.processor = new TestProcessor(name, shared, LIMITS, slow(shared.log, delays));
  }

  async assign(partitions: readonly number[]): Promise<void> {
    this.partitions = partitions;
    this.next = new Map();
    const generation = ++this.generation;
    const positions = await this.processor.pipeline.assigned(partitions);
    if (generation === this.generation) this.next = new Map(positions);
  }

  /** Hands on up to `count` records; while one hand-on waits, kafkajs may have left it and fetch the same again. */
  async read(partition: number, count: number): Promise<void> {
    const { generation } = this;
    const next = this.next.get(partition);
    const length = this.shared.partitions[partition]?.records.length ?? 0;
    if (next === undefined || next >= length) return;
    const through = Math.min(next + count, length);
    await this.processor.read(partition, next, through);
    if (generation === this.generation) this.next.set(partition, through);
  }

  /** A block was refused: the source calls `assigned` again after the next heartbeat. */
  async beat(): Promise<void> {
    this.processor.beat();
    const { restarts } = this.processor;
    if (restarts === this.restarts) return;
    this.restarts = restarts;
    await this.assign(this.partitions);
  }
}

/** A log whose inserts and look-ups take so many turns of the event loop, one number after the other. */
function slow(log: UsageLog, delays: readonly number[]): UsageLog {
  let calls = 0;
  const wait = async () => {
    for (let turns = delays[calls++ % delays.length] ?? 0; turns > 0; turns--) await turn();
  };
  return Object.create(log, {
    append: {
      value: async (...args: Parameters<UsageLog["append"]>) => {
        await wait();
        const result = await log.append(...args);
        await wait();
        return result;
      },
    },
    lookUp: {
      value: async (...args: Parameters<UsageLog["lookUp"]>) => {
        await wait();
        return log.lookUp(...args);
      },
    },
  });
}

type Step =
  | {
      readonly do: "send";
      readonly partition: number;
      readonly ids: readonly number[];
      readonly agesH: number;
    }
  | { readonly do: "assign"; readonly member: number; readonly partitions: readonly number[] }
  | { readonly do: "read"; readonly partition: number; readonly count: number }
  | { readonly do: "lose"; readonly loss: LostInsert }
  | { readonly do: "beat"; readonly member: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "arrive" };

const member = fc.nat(1);
const partition = fc.constantFrom(...PARTITIONS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      partition,
      ids: fc.array(fc.nat(7), { minLength: 1, maxLength: 12 }),
      agesH: fc.constantFrom(0, 0, 1, 40),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      partition,
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("assign" as const), member, partitions: fc.subarray(PARTITIONS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("lose" as const),
      loss: fc.constantFrom<LostInsert>("lost_request", "lost_answer", "late_request"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("beat" as const), member }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(10, 1_000, 25_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("arrive" as const) }) },
);

const TURNS_A_STEP = 3;
const delays = fc.array(fc.nat(10), { minLength: 1, maxLength: 8 });

async function settled(): Promise<void> {
  for (let i = 0; i < TURNS_A_STEP; i++) await turn();
}

/** Same id and age: a copy. An id stays in its partition, as its key sees to. */
const record = (partition: number, id: number, agesH: number) =>
  encodeEvent(makeEvent(NOW_MS - agesH * HOUR_MS - 1_000, `${partition}-${id}-${agesH}`));

function take(step: Step, shared: World, members: readonly Member[]): void {
  switch (step.do) {
    case "send":
      shared.partitions[step.partition]?.append(
        ...step.ids.map((id) => record(step.partition, id, step.agesH)),
      );
      break;
    case "assign":
      void members[step.member]?.assign(step.partitions);
      break;
    case "read":
      for (const one of members) void one.read(step.partition, step.count);
      break;
    case "lose":
      shared.log.loseInserts(step.loss);
      break;
    case "beat":
      void members[step.member]?.beat();
      break;
    case "arrive":
      shared.log.arrive();
      break;
    case "wait":
      break;
  }
}

/** A last member gets everything and reads to the end. */
async function finish(shared: World): Promise<void> {
  const last = new Member("last", shared, [0]);
  const work = async (): Promise<void> => {
    await last.assign(PARTITIONS);
    for (const partition of PARTITIONS) await last.read(partition, Number.MAX_SAFE_INTEGER);
    await last.processor.pipeline.close();
  };
  await whileTimePasses(shared.clock, last.processor, work());
  expect(last.processor.failures).toEqual([]);
  shared.log.arrive();
}

function check({ log, partitions }: World): void {
  const batches = log.rows.filter(({ kind }) => kind === "batch");
  for (const [number, { records }] of partitions.entries()) {
    let expected = 0n;
    for (const { kafka_offset, numbers } of batches.filter((row) => row.kafka_partition === number)) {
      const [first, , received, ...outcomes] = numbers as bigint[];
      expect(first).toBe(expected);
      expected = (kafka_offset as bigint) + 1n;
      expect(received).toBe(expected - (first as bigint));
      expect(outcomes.reduce((sum, count) => sum + count, 0n)).toBe(received);
    }
    expect(expected).toBe(BigInt(records.length));
  }
  const sent = partitions.flatMap(({ records }) =>
    records.map((it) => Buffer.from(it.bytes.subarray(it.keyStart, it.keyStart + 16)).toString("hex")),
  );
  const counted = log.rows.filter(({ kind }) => kind === "event").map(({ event_id }) => event_id);
  expect(counted.toSorted()).toEqual([...new Set(sent)].sort());
}

it("counts every event once, in whatever order owners change and inserts get lost", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 40, size: "max" }),
      delays,
      async (steps, turns) => {
        const shared = world(PARTITIONS.length);
        const members = [new Member("a", shared, turns), new Member("b", shared, turns.toReversed())];
        for (const [i, one] of members.entries()) void one.assign([i]);
        for (const one of steps) {
          take(one, shared, members);
          await settled();
          if (one.do === "wait") await shared.clock.advance(one.ms);
        }
        await finish(shared);
        check(shared);
        expect(members.flatMap(({ processor }) => processor.failures)).toEqual([]);
      },
    ),
    { numRuns: 200, endOnFailure: true },
  );
}, 60_000);
