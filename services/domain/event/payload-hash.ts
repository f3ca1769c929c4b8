// Tells a copy of a record from another one of the same id. It is keyed, so that nobody can make two records of one hash; the key is the
// log's own (payload_hash_key). Rows of before have a hash without a key, and 0 in place of its upper half.

/** What the memory keeps of a hash: its lower half as two words, each from 0 to 2^32 - 1. */
export interface HalfHash {
  readonly low: number;
  readonly high: number;
}

/** 128 bits. The upper half is 0 in a hash without a key, and in no other. */
export interface PayloadHash extends HalfHash {
  readonly upperLow: number;
  readonly upperHigh: number;
}

/** The answer is valid until the next call: one object for all of them, so that none is made per event. */
export type HashPayload = (view: DataView, start: number, end: number) => PayloadHash;

export const copyOfHash = ({ low, high, upperLow, upperHigh }: PayloadHash): PayloadHash => ({
  low,
  high,
  upperLow,
  upperHigh,
});

export const isSameHash = (a: PayloadHash, b: PayloadHash): boolean =>
  a.low === b.low && a.high === b.high && a.upperLow === b.upperLow && a.upperHigh === b.upperHigh;

/** As one number, the upper half in front. */
export const hashNumber = ({ low, high, upperLow, upperHigh }: PayloadHash): bigint =>
  (BigInt(upperHigh) << 96n) | (BigInt(upperLow) << 64n) | (BigInt(high) << 32n) | BigInt(low);

/** Of the log's two columns. */
export function hashOfColumns(payload_hash: bigint, payload_hash_high: bigint): PayloadHash {
  const word = (value: bigint, at: bigint) => Number((value >> at) & 0xffff_ffffn);
  return {
    low: word(payload_hash, 0n),
    high: word(payload_hash, 32n),
    upperLow: word(payload_hash_high, 0n),
    upperHigh: word(payload_hash_high, 32n),
  };
}

const hash = { low: 0, high: 0, upperLow: 0, upperHigh: 0 };

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/**
 * The hash of rows of before: four independent 32-bit lanes of MurmurHash3's mix (A. Appleby, public domain). Stored with events, so it may
 * never change. Without a key anybody can make two records of one hash.
 */
export const unkeyedHash: HashPayload = (view, start, end) => {
  let a = 0x9e3779b9 ^ (end - start);
  let b = 0x85ebca6b;
  let c = 0xc2b2ae35;
  let d = 0x27d4eb2f;
  let at = start;
  for (const last = end - 15; at < last; at += 16) {
    a = mix(a, view.getInt32(at, true));
    b = mix(b, view.getInt32(at + 4, true));
    c = mix(c, view.getInt32(at + 8, true));
    d = mix(d, view.getInt32(at + 12, true));
  }
  for (const last = end - 3; at < last; at += 4) a = mix(a, view.getInt32(at, true));
  let rest = 0;
  for (; at < end; at++) rest = (rest << 8) | view.getUint8(at);
  b = mix(b, rest);
  hash.low = finish(a ^ Math.imul(b, C1) ^ (c >>> 15) ^ Math.imul(d, C2));
  hash.high = finish(d ^ Math.imul(c, C1) ^ (b >>> 13) ^ Math.imul(a, C2));
  return hash;
};

function mix(lane: number, word: number): number {
  const mixed = Math.imul(lane ^ Math.imul(word, C1), C2);
  return (mixed << 15) | (mixed >>> 17);
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
