import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CONFLICT,
  DedupeTable,
  DUPLICATE,
  NEW,
  type Novelty,
  TABLE_IDS_MAX,
} from "../../../../services/domain/dedupe/table.ts";
import { uuidV7 } from "../../../support/builders/events.ts";
import { HASH_KEY } from "../../../support/builders/hash-key.ts";

const HOUR_MS = 3_600_000;
const HOUR_START_MS = 495_000 * HOUR_MS;
/** What an id of a known hour still tells: 22 bits of milliseconds, 12 and 62 bits of hash. */
const KEPT_BITS = [
  ...bits(26, 48), // the low 22 bits of the time
  ...bits(52, 64), // behind the version
  ...bits(66, 128), // behind the variant
];

function bits(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

const id = (number: number, offsetMs = number % HOUR_MS): Uint8Array =>
  uuidV7(HOUR_START_MS + offsetMs, `id-${number}`);

function flipped(original: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(original);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return copy;
}

/** The table's own hash of an id, to make ids that meet in it. */
function mixed(table: DedupeTable, bytes: Uint8Array): number {
  const low = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const a = ((low.getUint32(2) & 0x3fffff) << 10) | ((low.getUint16(6) & 0x0fff) >>> 2);
  const b = ((low.getUint16(6) & 3) << 30) | (low.getUint32(8) & 0x3fffffff);
  return table["hash"].ofWords(a, b, low.getUint32(12)) >>> 0;
}

/** Ids that begin in the last slots of the index with one and the same tag: long runs of probes, around the end. */
function collidingIds(count: number): Uint8Array[] {
  const table = new DedupeTable(HASH_KEY);
  const found: Uint8Array[] = [];
  const candidate = Buffer.from(id(0));
  for (let i = 0; found.length < count; i++) {
    candidate.writeUInt32BE(i, 12);
    const hash = mixed(table, candidate);
    if (hash >>> 26 === 63 && (hash & 63) === 5) found.push(Uint8Array.from(candidate));
  }
  return found;
}

interface Step {
  readonly id: Uint8Array;
  readonly low: number;
  readonly high: number;
}

/** The same table as a Map, the obvious way. */
function model(): (step: Step) => Novelty {
  const known = new Map<string, string>();
  return ({ id, low, high }) => {
    const name = Buffer.from(id).toString("hex");
    const payload = `${low}:${high}`;
    const before = known.get(name);
    if (before === undefined) known.set(name, payload);
    if (before === undefined) return NEW;
    return before === payload ? DUPLICATE : CONFLICT;
  };
}

describe("DedupeTable", () => {
  const pool = [
    ...Array.from({ length: 150 }, (_, i) => id(i)),
    ...collidingIds(150),
    ...KEPT_BITS.map((bit) => flipped(id(1), bit)),
  ];
  const anyHash = fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff);

  it("answers as a Map does, for ids that meet in its index too", () => {
    const step = fc.record({ id: fc.constantFrom(...pool), low: anyHash, high: anyHash });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1_000, size: "max" }), (steps) => {
        const table = new DedupeTable(HASH_KEY);
        const expected = model();
        expect(steps.map((one) => table.add(one.id, 0, one.low, one.high))).toEqual(steps.map(expected));
      }),
      { numRuns: 60 },
    );
  });

  it("answers as a Map does through every growth, wherever the id lies in its buffer", () => {
    const table = new DedupeTable(HASH_KEY);
    const buffer = new Uint8Array(64);
    const add = (number: number, low: number): Novelty => {
      const at = number % 48;
      buffer.set(id(number), at);
      return table.add(buffer, at, low, number);
    };
    const numbers = Array.from({ length: 10_000 }, (_, i) => i);
    const answers = numbers.map((i) => [add(i, 1), add(i >> 1, 1), add(i >> 2, 2)].join());
    expect(new Set(answers)).toEqual(new Set([[NEW, DUPLICATE, CONFLICT].join()]));
    expect(table.size).toBe(numbers.length);
    expect(new Set(numbers.map((i) => add(i, 1)))).toEqual(new Set([DUPLICATE]));
  });

  it("tells a conflict by either half of the payload's hash, and lets the first payload stand", () => {
    const table = new DedupeTable(HASH_KEY);
    expect(table.add(id(1), 0, 0xffff_ffff, 0x8000_0000)).toBe(NEW);
    expect(table.add(id(1), 0, 0xffff_fffe, 0x8000_0000)).toBe(CONFLICT);
    expect(table.add(id(1), 0, 0xffff_ffff, 0)).toBe(CONFLICT);
    expect(table.add(id(1), 0, 0xffff_ffff, 0x8000_0000)).toBe(DUPLICATE);
  });

  it("takes ids that differ in any one bit for two", () => {
    for (const bit of KEPT_BITS) {
      const table = new DedupeTable(HASH_KEY);
      const original = id(77);
      const answers = [original, flipped(original, bit), original].map((one) => table.add(one, 0, 1, 1));
      expect([bit, ...answers]).toEqual([bit, NEW, NEW, DUPLICATE]);
    }
  });

  it("keeps every bit that ids of one hour can differ in", () => {
    expect(KEPT_BITS).toHaveLength(96);
    // 2^22 ms are longer than an hour
    expect(HOUR_MS).toBeLessThan(2 ** 22);
    const table = new DedupeTable(HASH_KEY);
    const hash = id(5).slice(6);
    for (const ms of [0, 1, HOUR_MS - 1]) {
      const one = uuidV7(HOUR_START_MS + ms, "x");
      one.set(hash, 6);
      expect(table.add(one, 0, 1, 1)).toBe(NEW);
    }
  });

  it("costs at most 28 bytes an id from 100,000 on, at any size", () => {
    const table = new DedupeTable(HASH_KEY);
    const bytes = new Uint8Array(id(0));
    const view = new DataView(bytes.buffer);
    let worst = 0;
    for (let i = 1; i <= 500_000; i++) {
      view.setUint32(12, i);
      table.add(bytes, 0, i, i);
      // what it costs changes with growth of the index or the log alone, so at most every few thousand
      if (i >= 100_000 && i % 64 === 0) worst = Math.max(worst, table.bytes / i);
    }
    expect(table.size).toBe(500_000);
    expect(worst).toBeLessThanOrEqual(28);
  });

  it("refuses more ids than its positions can name instead of losing some", () => {
    const table = new DedupeTable(HASH_KEY);
    table["count"] = TABLE_IDS_MAX;
    expect(() => table.add(id(1), 0, 1, 1)).toThrow(RangeError);
  });
});
