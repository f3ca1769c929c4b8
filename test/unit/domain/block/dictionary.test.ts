import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dictionary, EMPTY_TEXT, INVALID_TEXT } from "../../../../services/domain/block/dictionary.ts";
import { TextBuffer } from "../../../../services/domain/block/text-buffer.ts";
import { HASH_KEY } from "../../../support/builders/hash-key.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Interns from the middle of a larger buffer, at any alignment. */
function intern(dictionary: Dictionary, text: Uint8Array, at = 0): number {
  const buffer = new Uint8Array(at + text.length + 9).fill(0x7a);
  buffer.set(text, at);
  return dictionary.intern(buffer, new DataView(buffer.buffer), at, text.length);
}

/** Texts one after the other, each with its length as a varint before it. */
function texts(bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    found.push(Buffer.from(bytes.subarray(at, at + length)).toString("latin1"));
    at += length;
  }
  return found;
}

const clean = fc.string({ unit: fc.constantFrom("a", "b", "ab", "é", "7"), maxLength: 300 }).map(utf8);

describe("Dictionary", () => {
  it("gives each distinct text one position, in the order in which they come", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(clean, fc.nat(3)), { maxLength: 400, size: "max" }), (words) => {
        const dictionary = new Dictionary(HASH_KEY);
        const model = new Map([["", EMPTY_TEXT]]);
        const expected = words.map(([word]) => {
          const name = Buffer.from(word).toString("latin1");
          if (!model.has(name)) model.set(name, model.size);
          return model.get(name);
        });
        expect(words.map(([word, at]) => intern(dictionary, word, at))).toEqual(expected);
        expect(dictionary.size).toBe(model.size);
        expect(texts(dictionary.keys)).toEqual([...model.keys()]);
      }),
      { numRuns: 40 },
    );
  });

  it("finds every one of very many texts again, and none after it was cleared", () => {
    const dictionary = new Dictionary(HASH_KEY);
    const numbers = Array.from({ length: 10_000 }, (_, i) => i + 1);
    for (let round = 0; round < 2; round++) {
      const position = (i: number): number => intern(dictionary, utf8(`round-${round}-${i}`), i % 4);
      expect(numbers.map(position)).toEqual(numbers);
      expect(numbers.toReversed().map(position)).toEqual(numbers.toReversed());
      dictionary.clear();
      expect(dictionary.size).toBe(1);
      expect(texts(dictionary.keys)).toEqual([""]);
    }
  });

  it("tells texts apart that differ in one byte only, wherever it is", () => {
    const dictionary = new Dictionary(HASH_KEY);
    for (const length of [1, 3, 4, 5, 8, 11, 128]) {
      const word = new Uint8Array(length).fill(0x61);
      const positions = new Set([intern(dictionary, word)]);
      for (let i = 0; i < length; i++) positions.add(intern(dictionary, word.with(i, 0x62)));
      expect(positions.size).toBe(length + 1);
    }
  });

  it("refuses what is not clean, each time, and keeps nothing of it", () => {
    const dictionary = new Dictionary(HASH_KEY);
    for (const bad of [utf8("a\nb"), Uint8Array.from([0xff, 0xfe, 0x61]), utf8("\u009b")]) {
      expect(intern(dictionary, bad)).toBe(INVALID_TEXT);
      expect(intern(dictionary, bad)).toBe(INVALID_TEXT);
    }
    expect(dictionary.size).toBe(1);
    expect(intern(dictionary, utf8("a"))).toBe(1);
  });

  it("takes an absent text for the empty one", () => {
    const dictionary = new Dictionary(HASH_KEY);
    expect(dictionary.intern(new Uint8Array(0), new DataView(new ArrayBuffer(0)), 0, -1)).toBe(EMPTY_TEXT);
    expect(dictionary.size).toBe(1);
  });
});

describe("TextBuffer", () => {
  it("holds texts of any length one after the other", () => {
    const lengths = fc.oneof(fc.nat(20), fc.constantFrom(127, 128, 16_383, 16_384, 70_000), fc.constant(-1));
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 30 }), fc.nat(64), (sizes, room) => {
        const buffer = new TextBuffer(room);
        const source = new Uint8Array(70_003).fill(0x61);
        for (let round = 0; round < 2; round++) {
          for (const size of sizes) buffer.append(source, 3, size);
          expect(texts(buffer.bytes)).toEqual(sizes.map((size) => "a".repeat(Math.max(0, size))));
          buffer.clear();
          expect(buffer.bytes).toHaveLength(0);
        }
      }),
      { numRuns: 50 },
    );
  });
});
