import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DedupeLimits,
  DedupeMemory,
  ID_SPACES,
  type IdSpace,
  LOOK_UP,
} from "../../../../services/domain/dedupe/memory.ts";
import { CONFLICT, DUPLICATE, NEW } from "../../../../services/domain/dedupe/table.ts";
import { uuidV7 } from "../../../support/builders/events.ts";
import { HASH_KEY } from "../../../support/builders/hash-key.ts";

const HOUR_MS = 3_600_000;
const H = 495_000;
const LIMITS: DedupeLimits = { dedupe_hours: 2, dedupe_ids_max: 1_000 };

/** An id of hour `hour`; `number` makes it another one. */
const id = (hour: number, number = 0): Uint8Array => uuidV7(hour * HOUR_MS + number, `id-${number}`);

function opened(limits: DedupeLimits = LIMITS, completeFrom = H - 2): DedupeMemory {
  const memory = new DedupeMemory(limits, HASH_KEY);
  memory.open(0, completeFrom);
  return memory;
}

interface Add {
  readonly partition?: number;
  readonly space?: IdSpace;
  readonly hash?: number;
}

const add = (
  memory: DedupeMemory,
  bytes: Uint8Array,
  { partition = 0, space = "event", hash = 1 }: Add = {},
) => memory.add(partition, space, bytes, 0, { low: hash, high: hash });

describe("DedupeMemory", () => {
  it("remembers ids from its first hour on, and sends older ones to be looked up", () => {
    const memory = opened();
    expect(memory.completeFrom(0)).toBe(H - 2);
    expect(add(memory, id(H - 3))).toBe(LOOK_UP);
    expect(add(memory, id(H - 3))).toBe(LOOK_UP);
    expect(add(memory, id(H - 2))).toBe(NEW);
    expect(add(memory, id(H - 2))).toBe(DUPLICATE);
    expect(add(memory, id(H - 2), { hash: 2 })).toBe(CONFLICT);
    expect(add(memory, id(H + 1))).toBe(NEW);
    expect(memory.usage().ids).toBe(2);
  });

  it("takes the first and the last millisecond of an hour for that hour", () => {
    const memory = opened(LIMITS, H);
    expect(add(memory, uuidV7(H * HOUR_MS - 1, "a"))).toBe(LOOK_UP);
    expect(add(memory, uuidV7(H * HOUR_MS, "b"))).toBe(NEW);
    memory.trim(H + 3);
    expect(add(memory, uuidV7((H + 1) * HOUR_MS - 1, "c"))).toBe(LOOK_UP);
    expect(add(memory, uuidV7((H + 1) * HOUR_MS, "d"))).toBe(NEW);
  });

  it("takes the same milliseconds of different hours for different ids", () => {
    const memory = opened();
    const early = id(H);
    const later = uuidV7((H + 1) * HOUR_MS, "id-0");
    expect(Buffer.from(early).subarray(6)).toEqual(Buffer.from(later).subarray(6));
    expect(add(memory, early)).toBe(NEW);
    expect(add(memory, later)).toBe(NEW);
  });

  it("keeps event, totals and void apart, and partitions too", () => {
    const memory = opened();
    memory.open(1, H);
    for (const space of ID_SPACES) expect(add(memory, id(H), { space })).toBe(NEW);
    expect(add(memory, id(H), { partition: 1 })).toBe(NEW);
    for (const space of ID_SPACES) expect(add(memory, id(H), { space })).toBe(DUPLICATE);
    expect(add(memory, id(H), { partition: 1, hash: 2 })).toBe(CONFLICT);
    expect(add(memory, id(H - 1), { partition: 1 })).toBe(LOOK_UP);
  });

  it("forgets hours beyond the horizon, in every partition and space, and never says new for them", () => {
    const memory = opened();
    memory.open(1, H - 1);
    for (const hour of [H - 2, H - 1, H]) add(memory, id(hour), { space: "void" });
    add(memory, id(H - 1), { partition: 1 });
    expect(memory.trim(H + 1)).toMatchObject({ ids: 3, bytes: memory.usage().bytes });
    expect(add(memory, id(H - 2), { space: "void" })).toBe(LOOK_UP);
    expect(add(memory, id(H - 2, 5))).toBe(LOOK_UP);
    expect(add(memory, id(H - 1), { space: "void" })).toBe(DUPLICATE);
    memory.trim(H + 2);
    expect(add(memory, id(H - 1), { partition: 1 })).toBe(LOOK_UP);
    expect(memory.completeFrom(1)).toBe(H);
    expect(memory.usage().ids).toBe(1);
    // a clock that runs back brings nothing back
    memory.trim(H - 5);
    expect(memory.completeFrom(0)).toBe(H);
  });

  it("forgets the oldest hours until the ids fit", () => {
    const memory = opened({ dedupe_hours: 100, dedupe_ids_max: 25 });
    for (const hour of [H - 2, H - 1, H]) for (let i = 0; i < 10; i++) add(memory, id(hour, i));
    const full = memory.usage();
    expect(full.ids).toBe(30);
    const { ids, bytes } = memory.trim(H);
    expect(ids).toBe(20);
    expect(bytes).toBeLessThan(full.bytes);
    expect(add(memory, id(H - 2, 3))).toBe(LOOK_UP);
    expect(add(memory, id(H - 1, 3))).toBe(DUPLICATE);
  });

  it("gives up the newest hour too when it alone is too much", () => {
    const memory = opened({ dedupe_hours: 1, dedupe_ids_max: 5 });
    for (let i = 0; i < 10; i++) add(memory, id(H, i));
    expect(memory.trim(H)).toMatchObject({ ids: 0, bytes: 0 });
    expect(add(memory, id(H, 3))).toBe(LOOK_UP);
    expect(add(memory, id(H + 1))).toBe(NEW);
  });

  it("forgets a partition that is closed, and starts anew when it is opened again", () => {
    const memory = opened();
    add(memory, id(H));
    memory.open(1, H);
    add(memory, id(H), { partition: 1 });
    memory.close(0);
    expect(memory.has(0)).toBe(false);
    expect(memory.has(1)).toBe(true);
    expect(memory.usage().ids).toBe(1);
    expect(() => add(memory, id(H))).toThrow("partition 0 is not open");
    memory.open(0, H);
    expect(add(memory, id(H))).toBe(NEW);
    memory.open(0, H);
    expect(add(memory, id(H))).toBe(NEW);
  });

  it("never says new twice for one id, whatever is trimmed in between", () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ hour: fc.nat(6), number: fc.nat(5), space: fc.constantFrom(...ID_SPACES) }),
      },
      { weight: 1, arbitrary: fc.record({ newest: fc.nat(6) }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200, size: "max" }),
        fc.integer({ min: 1, max: 20 }),
        (steps, max) => {
          const memory = new DedupeMemory({ dedupe_hours: 2, dedupe_ids_max: max }, HASH_KEY);
          memory.open(0, H);
          const seen = new Set<string>();
          const answers: [number, number][] = [];
          for (const one of steps) {
            if ("newest" in one) {
              expect(memory.trim(H + one.newest).ids).toBeLessThanOrEqual(max);
              continue;
            }
            const name = JSON.stringify(one);
            const answer = add(memory, id(H + one.hour, one.number), { space: one.space });
            const expected = seen.has(name) ? DUPLICATE : NEW;
            seen.add(name);
            const isRemembered = H + one.hour >= memory.completeFrom(0);
            answers.push([answer, isRemembered ? expected : LOOK_UP]);
          }
          expect(answers.map(([answer]) => answer)).toEqual(answers.map(([, expected]) => expected));
        },
      ),
      { numRuns: 60 },
    );
  });
});
