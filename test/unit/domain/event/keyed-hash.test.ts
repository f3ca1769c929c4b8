// Floods: whoever chooses texts, keys and ids does not choose where they fall in our tables.
import { describe, expect, it } from "vitest";
import { Dictionary } from "../../../../services/domain/block/dictionary.ts";
import { DedupeTable } from "../../../../services/domain/dedupe/table.ts";
import { type HashKey, KeyedHash } from "../../../../services/domain/event/keyed-hash.ts";
import { WindowSums } from "../../../../services/domain/window/sums.ts";

const KNOWN: HashKey = { low: 0, high: 0 };
const SECRET: HashKey = { low: 0x9e21_77aa, high: 0x31c0_ffee };
/** Honest tables are half full, where runs of slots in use are some tens; a flood's is as long as the flood. */
const FLOOD = 400;
const RUN_MAX = 150;

const utf8 = new TextEncoder();
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The longest run of slots in use: how many entries a look-up may have to pass. */
function longestRun(index: ArrayLike<number>): number {
  let longest = 0;
  let run = 0;
  for (let i = 0; i < index.length; i++) {
    run = index[i] === 0 ? 0 : run + 1;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** Texts that meet in one slot of every table of up to 1,024 slots by the fast hash, for whoever has got its seed. */
function collidingTexts(key: HashKey): Uint8Array[] {
  const dictionary = new Dictionary(key);
  const found: Uint8Array[] = [];
  for (let i = 0; found.length < FLOOD; i++) {
    const text = utf8.encode(`gpu-${i}`);
    if ((dictionary["hashOf"](text, viewOf(text), 0, text.length) & 0x3ff) === 0) found.push(text);
  }
  return found;
}

describe("a flood of texts, windows or ids that collide", () => {
  it("of texts makes another tenant's look-up no longer, even where the seed is known", () => {
    const dictionary = new Dictionary(SECRET);
    const texts = collidingTexts(SECRET);
    const intern = (text: Uint8Array) => dictionary.intern(text, viewOf(text), 0, text.length);
    const honest = utf8.encode("honest");
    const first = [honest, ...texts].map(intern);
    expect(longestRun(dictionary["index"])).toBeLessThan(RUN_MAX);
    expect([honest, ...texts].map(intern)).toEqual(first);
    expect(new Set(first).size).toBe(texts.length + 1);
  });

  it("leaves another tenant's window where it would be without it", () => {
    const hash = new KeyedHash(KNOWN);
    const windowsOf = (key: HashKey): WindowSums => {
      const windows = new WindowSums(key);
      for (let i = 0, found = 0; found < FLOOD; i++) {
        const [tenant, project] = [i & 0xff, i >> 8];
        if ((hash.ofWords((tenant << 16) | project, 0, 0) & 0x3ff) !== 0) continue;
        found++;
        windows.find({ hour: 0, tenant, project, model: 0, gpuModel: 0, sharing: 0, phase: 0, outcome: 0 });
      }
      return windows;
    };
    expect(longestRun(windowsOf(KNOWN)["index"])).toBeGreaterThanOrEqual(FLOOD);
    expect(longestRun(windowsOf(SECRET)["index"])).toBeLessThan(RUN_MAX);
  });

  it("cannot be made of ids whose differences cancel, whatever the key is", () => {
    // what multiplying and rotating alone lets through: the highest bits of one word against bits of the next
    const table = new DedupeTable(SECRET);
    const id = new Uint8Array(16);
    const view = viewOf(id);
    const side = 128;
    for (let upper = 0; upper < side; upper++) {
      for (let lower = 0; lower < side; lower++) {
        view.setUint32(12, upper * 2 ** 25);
        view.setUint32(8, lower << 8);
        table.add(id, 0, 0, 0);
      }
    }
    expect(table.size).toBe(side * side);
    const index = table["index"];
    // entries of one hash all begin at one slot; a fair hash puts one or two there, the one before put 128
    const starts = new Map<number, number>();
    const hash = new KeyedHash(SECRET);
    for (let upper = 0; upper < side; upper++) {
      for (let lower = 0; lower < side; lower++) {
        const at = hash.ofWords(0, lower << 8, (upper * 2 ** 25) | 0);
        starts.set(at, (starts.get(at) ?? 0) + 1);
      }
    }
    expect(Math.max(...starts.values())).toBeLessThan(4);
    // up to 0.8 full, where honest runs are some hundred; before, each of 128 starts had a run of 128 and more
    expect(longestRun(index)).toBeLessThan(1_000);
  });

  it("depends on every byte of a text and on both halves of the key", () => {
    const text = utf8.encode("NVIDIA H100 80GB HBM3");
    const of = (bytes: Uint8Array, key: HashKey) =>
      new KeyedHash(key).ofText(bytes, viewOf(bytes), 0, bytes.length);
    const changed = Array.from(text, (byte, i) => of(text.with(i, byte ^ 1), SECRET));
    const keys = [SECRET, { ...SECRET, low: 1 }, { ...SECRET, high: 1 }].map((key) => of(text, key));
    expect(new Set([...changed, ...keys]).size).toBe(text.length + 3);
  });
});
