// 64 bits over the Avro body, to tell a copy from a conflict. Four independent 32-bit lanes of MurmurHash3's mix (A. Appleby,
// public domain), because JavaScript multiplies 32 bits at once and a processor four such chains: measured at 0.4 of the
// time of two lanes. Stored with every event, so the function may never change.

/** Low and high 32 bits, each from 0 to 2^32 - 1. */
export interface PayloadHash {
  readonly low: number;
  readonly high: number;
}

/** The last hash: one object for all of them, so that none is made per event. */
export const hash = { low: 0, high: 0 };

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** The answer is valid until the next call. */
export function hashPayload(view: DataView, start: number, end: number): PayloadHash {
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
}

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
