import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sipHash } from "../../../../services/adapters/crypto/sip-hash.ts";
import type { PayloadHash } from "../../../../services/domain/event/payload-hash.ts";

const upTo = (length: number) => Uint8Array.from({ length }, (_, i) => i);
const KEY = upTo(16);

function hex({ low, high, upperLow, upperHigh }: PayloadHash): string {
  const bytes = Buffer.alloc(16);
  for (const [i, word] of [low, high, upperLow, upperHigh].entries()) bytes.writeUInt32LE(word, i * 4);
  return bytes.toString("hex");
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const hashOf = (bytes: Uint8Array, key = KEY) => hex(sipHash(key)(viewOf(bytes), 0, bytes.length));

const MASK = (1n << 64n) - 1n;
const rotate = (value: bigint, bits: bigint) => ((value << bits) | (value >> (64n - bits))) & MASK;

/** From the paper, in BigInt. */
function reference(key: Uint8Array, message: Uint8Array): string {
  const k = [0, 8].map((at) => Buffer.from(key).readBigUInt64LE(at)) as [bigint, bigint];
  let [a, b, c, d] = [
    k[0] ^ 0x736f6d6570736575n,
    k[1] ^ 0x646f72616e646f6dn ^ 0xeen,
    k[0] ^ 0x6c7967656e657261n,
    k[1] ^ 0x7465646279746573n,
  ];
  const rounds = (n: number): void => {
    for (let i = 0; i < n; i++) {
      a = (a + b) & MASK;
      b = rotate(b, 13n) ^ a;
      a = rotate(a, 32n);
      c = (c + d) & MASK;
      d = rotate(d, 16n) ^ c;
      a = (a + d) & MASK;
      d = rotate(d, 21n) ^ a;
      c = (c + b) & MASK;
      b = rotate(b, 17n) ^ c;
      c = rotate(c, 32n);
    }
  };
  const padded = Buffer.alloc(Math.floor(message.length / 8) * 8 + 8);
  padded.set(message);
  padded[padded.length - 1] = message.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const m = padded.readBigUInt64LE(at);
    d ^= m;
    rounds(2);
    a ^= m;
  }
  const out = Buffer.alloc(16);
  c ^= 0xeen;
  rounds(4);
  out.writeBigUInt64LE(a ^ b ^ c ^ d, 0);
  b ^= 0xddn;
  rounds(4);
  out.writeBigUInt64LE(a ^ b ^ c ^ d, 8);
  return out.toString("hex");
}

describe("SipHash-2-4-128", () => {
  // vectors_sip128 of the reference implementation
  it.each([
    [0, "a3817f04ba25a8e66df67214c7550293"],
    [1, "da87c1d86b99af44347659119b22fc45"],
    [15, "5493e99933b0a8117e08ec0f97cfc3d9"],
  ])("of %i bytes is that of the reference code", (length, expected) => {
    expect(hashOf(upTo(length))).toBe(expected);
    expect(reference(KEY, upTo(length))).toBe(expected);
  });

  it("is the paper's for every length, after longer messages and at any place", () => {
    const key = randomBytes(16);
    const hash = sipHash(key);
    for (const length of [300_000, 65_536 - 72, 65_536 - 71, ...Array.from({ length: 300 }, (_, i) => i)]) {
      const message = randomBytes(length);
      const place = Buffer.concat([randomBytes(3), message, randomBytes(5)]);
      expect(hex(hash(viewOf(place), 3, 3 + length)), `${length}`).toBe(reference(key, message));
    }
  });

  it("is another under another key", () => {
    expect(hashOf(upTo(300), randomBytes(16))).not.toBe(hashOf(upTo(300)));
    expect(() => sipHash(new Uint8Array(15))).toThrow("16 bytes");
  });
});
