import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hash, hashPayload } from "../../../../services/domain/event/payload-hash.ts";

const MASK = 0xffff_ffffn;
const times = (a: bigint, b: bigint): bigint => (a * b) & MASK;
const rotated = (a: bigint, bits: bigint): bigint => ((a << bits) | (a >> (32n - bits))) & MASK;

function finished(value: bigint): bigint {
  let h = value ^ (value >> 16n);
  h = times(h, 0x85ebca6bn);
  h ^= h >> 13n;
  h = times(h, 0xc2b2ae35n);
  return h ^ (h >> 16n);
}

/** The hash as its description has it, in 32-bit arithmetic on bigints. */
function slowly(bytes: Uint8Array): string {
  let a = 0x9e3779b9n ^ BigInt(bytes.length);
  let b = 0x85ebca6bn;
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) {
    const word = [3, 2, 1, 0].reduce((sum, i) => (sum << 8n) | BigInt(bytes[at + i] ?? 0), 0n);
    a = rotated(times(a ^ word, 0xcc9e2d51n), 15n);
    b = rotated(times(((b ^ a) + word) & MASK, 0x1b873593n), 13n);
  }
  const rest = bytes.subarray(whole).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  a = times(a ^ rest, 0xcc9e2d51n);
  b = times(b ^ (a >> 13n), 0x1b873593n);
  return hex(finished(a ^ (b >> 16n)), finished(b ^ times(a, 0xc2b2ae35n)));
}

const hex = (low: bigint, high: bigint): string => ((high << 32n) | low).toString(16).padStart(16, "0");

function hashed(bytes: Uint8Array, start = 0, end = bytes.length): string {
  hashPayload(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), start, end);
  return hex(BigInt(hash.low), BigInt(hash.high));
}

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

describe("the payload's hash", () => {
  // stored with every event: these may never change
  it.each([
    [0, "876c40ff41d4369e"],
    [1, "e502096fa40edb4c"],
    [3, "ab1d76965e2f156e"],
    [4, "f88e79e617ca716d"],
    [7, "8de0028b5092a802"],
    [350, "341bb11e31bf39e7"],
  ])("of the bytes 0, 1, 2, … %d bytes long is %s", (length, expected) => {
    expect(slowly(counting(length))).toBe(expected);
    expect(hashed(counting(length))).toBe(expected);
  });

  it("is what the slow implementation says, wherever the bytes lie", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400, size: "max" }),
        fc.nat(7),
        fc.nat(7),
        (bytes, before, after) => {
          const buffer = new Uint8Array(before + bytes.length + after).fill(0xa5);
          buffer.set(bytes, before);
          expect(hashed(buffer, before, before + bytes.length)).toBe(slowly(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([1, 2, 3, 4, 5, 33, 350])(
    "changes with every bit of %d bytes, and is another for each",
    (length) => {
      const bytes = counting(length);
      const hashes = new Set([hashed(bytes)]);
      for (let bit = 0; bit < length * 8; bit++) {
        const copy = bytes.slice();
        copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        hashes.add(hashed(copy));
      }
      expect(hashes.size).toBe(length * 8 + 1);
    },
  );

  it("changes with the length and the order of equal bytes", () => {
    const zeros = Array.from({ length: 64 }, (_, length) => hashed(new Uint8Array(length)));
    expect(new Set(zeros).size).toBe(64);
    expect(hashed(Uint8Array.from([1, 0, 0, 0, 2, 0, 0, 0]))).not.toBe(
      hashed(Uint8Array.from([2, 0, 0, 0, 1, 0, 0, 0])),
    );
  });
});
