/** What a decoder makes of compressed bytes. `too large`: there would be more of it than the bound allows. */
export type Decoded = Uint8Array<ArrayBuffer> | "damaged" | "too large";

/** Bytes that grow up to a bound, and copies of what they already hold: what both LZ4 and Snappy are made of. */
export class Output {
  length = 0;
  isTooLarge = false;
  private bytes: Uint8Array<ArrayBuffer>;
  private readonly bytesMax: number;

  constructor(bytesExpected: number, bytesMax: number) {
    this.bytesMax = bytesMax;
    this.bytes = new Uint8Array(Math.min(bytesExpected, bytesMax));
  }

  /** Takes over bytes of `source` as they are; false if they are not all there, or too many. */
  literal(source: Uint8Array, start: number, length: number): boolean {
    if (start + length > source.length || !this.reserve(length)) return false;
    const { bytes, length: at } = this;
    // few bytes are quicker one by one
    if (length > 32) bytes.set(source.subarray(start, start + length), at);
    else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i] as number;
    this.length += length;
    return true;
  }

  /** Repeats what stands `distance` bytes back, which may run into what it writes; false if nothing stands there. */
  copy(distance: number, length: number): boolean {
    if (distance === 0 || distance > this.length || !this.reserve(length)) return false;
    const { bytes, length: at } = this;
    if (length > 32 && distance >= length) bytes.copyWithin(at, at - distance, at - distance + length);
    else for (let i = at; i < at + length; i++) bytes[i] = bytes[i - distance] as number;
    this.length += length;
    return true;
  }

  /** What came of it. */
  result(isWhole: boolean): Decoded {
    if (this.isTooLarge) return "too large";
    return isWhole ? this.bytes.subarray(0, this.length) : "damaged";
  }

  private reserve(length: number): boolean {
    const needed = this.length + length;
    if (needed <= this.bytes.length) return true;
    this.isTooLarge = needed > this.bytesMax;
    if (this.isTooLarge) return false;
    const grown = new Uint8Array(Math.min(this.bytesMax, Math.max(needed, 2 * this.bytes.length)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    return true;
  }
}
