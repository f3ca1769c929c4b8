// 64 bits over the Avro body, to tell a copy from a conflict. Two 32-bit lanes of MurmurHash3's mix (A. Appleby, public
// domain), because JavaScript multiplies 32 bits at once; measured 0.13 µs for 350 bytes. Stored with every event, so the
// function may never change.

/** The two halves of the last hash, so that no object is made per event. */
export const hash = { low: 0, high: 0 };

export function hashPayload(view: DataView, start: number, end: number): void {
  let a = 0x9e3779b9 ^ (end - start);
  let b = 0x85ebca6b;
  let at = start;
  const last = end - 3;
  for (; at < last; at += 4) {
    const word = view.getInt32(at, true);
    a = Math.imul(a ^ word, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    b = Math.imul((b ^ a) + word, 0x1b873593);
    b = (b << 13) | (b >>> 19);
  }
  let rest = 0;
  for (; at < end; at++) rest = (rest << 8) | view.getUint8(at);
  a = Math.imul(a ^ rest, 0xcc9e2d51);
  b = Math.imul(b ^ (a >>> 13), 0x1b873593);
  hash.low = finish(a ^ (b >>> 16));
  hash.high = finish(b ^ Math.imul(a, 0xc2b2ae35));
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
