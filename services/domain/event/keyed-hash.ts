// HalfSipHash-1-3 (J.-P. Aumasson and D. J. Bernstein; the variant that Linux uses for its hash tables): a hash whose collisions
// nobody can choose who does not know the key. A hash that only begins with a secret does not do: with multiplications and
// rotations alone, differences of the highest bits cancel whatever the secret is. All steps are of 32 bits, as JavaScript has them.

/** 64 secret bits, of which nothing ever leaves the process. Two whole numbers of 32 bits. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

export class KeyedHash {
  private readonly low: number;
  private readonly high: number;

  constructor({ low, high }: HashKey) {
    this.low = low | 0;
    this.high = high | 0;
  }

  /** Of a text's bytes; `view` shows the same buffer as `bytes`. Any 32 bits, as a signed number. */
  ofText(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    let v0 = this.low;
    let v1 = this.high;
    let v2 = v0 ^ 0x6c796765;
    let v3 = v1 ^ 0x74656462;
    const end = start + length;
    const words = start + (length & ~3);
    let last = length << 24;
    for (let at = end - 1; at >= words; at--) last |= (bytes[at] as number) << ((at - words) << 3);
    for (let at = start; at <= words; at += 4) {
      const word = at < words ? view.getInt32(at, true) : last;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return finish(v0, v1, v2, v3);
  }

  /** Of three words of 32 bits. All keys of a table have three, so that their number is not hashed. Any 32 bits, signed. */
  ofWords(a: number, b: number, c: number): number {
    let v0 = this.low;
    let v1 = this.high;
    let v2 = v0 ^ 0x6c796765;
    let v3 = v1 ^ 0x74656462;
    let word = a;
    for (let i = 0; i < 3; i++) {
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      word = i === 0 ? b : c;
    }
    return finish(v0, v1, v2, v3);
  }
}

function finish(v0: number, v1: number, v2: number, v3: number): number {
  v2 ^= 0xff;
  for (let i = 0; i < 3; i++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}
