import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unkeyedHash } from "../../../../services/domain/event/payload-hash.ts";

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

const word = (bytes: Uint8Array, at: number): bigint =>
  [3, 2, 1, 0].reduce((sum, i) => (sum << 8n) | BigInt(bytes[at + i] ?? 0), 0n);
const mixed = (lane: bigint, value: bigint): bigint =>
  rotated(times(lane ^ times(value, 0xcc9e2d51n), 0x1b873593n), 15n);

/** The hash as its description has it, in 32-bit arithmetic on bigints: lane i takes word i of each 16 bytes. */
function slowly(bytes: Uint8Array): string {
  const lanes = [0x9e3779b9n ^ BigInt(bytes.length), 0x85ebca6bn, 0xc2b2ae35n, 0x27d4eb2fn];
  const inLanes = bytes.length - (bytes.length % 16);
  const inWords = bytes.length - (bytes.length % 4);
  for (let at = 0; at < inWords; at += 4) {
    const lane = at < inLanes ? (at / 4) % 4 : 0;
    lanes[lane] = mixed(lanes[lane] as bigint, word(bytes, at));
  }
  const rest = bytes.subarray(inWords).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const [a, b, c, d] = [lanes[0], mixed(lanes[1] as bigint, rest), lanes[2], lanes[3]] as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const low = finished(a ^ times(b, 0xcc9e2d51n) ^ (c >> 15n) ^ times(d, 0x1b873593n));
  const high = finished(d ^ times(c, 0xcc9e2d51n) ^ (b >> 13n) ^ times(a, 0x1b873593n));
  return hex(low, high);
}

const hex = (low: bigint, high: bigint): string => ((high << 32n) | low).toString(16).padStart(16, "0");

function hashed(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const hash = unkeyedHash(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), start, end);
  return hex(BigInt(hash.low), BigInt(hash.high));
}

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

describe("the payload's hash", () => {
  // stored with every event: these may never change
  it.each([
    [0, "48d3bb5207401443"],
    [1, "de154702931beaa6"],
    [3, "d219b45482868789"],
    [4, "266cfef1c95b6faa"],
    [7, "e78ce9b27c9338d0"],
    [350, "0c76be99253c7877"],
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
