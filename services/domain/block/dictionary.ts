// The distinct texts of one LowCardinality column, in the form ClickHouse's Native format sends them (length as a
// varint, then the bytes). Every distinct text is checked once, when it is first met.
//
// Texts are other people's, and may be chosen so that they meet in one slot. A hash that nobody can aim at costs 40 ns more a
// text, a twelfth of an event's time over all its texts; so the fast one holds until a look-up has passed too many slots.
import { type HashKey, KeyedHash } from "../event/keyed-hash.ts";
import { isCleanText } from "../event/text.ts";

/** Positions are sent as UInt16; a block whose dictionary is nearly full is flushed. */
export const DICTIONARY_MAX = 65_535;
export const INVALID_TEXT = -1;
/** Slots that a look-up passes at most by the fast hash. At half full nobody meets that many by chance. */
const PROBES_MAX = 128;
/** Position of the empty text: what an absent value is stored as. */
export const EMPTY_TEXT = 0;

const NO_BYTES = new Uint8Array(0);

export class Dictionary {
  private index = new Int32Array(256);
  private hashes = new Int32Array(128);
  /** Where each text's bytes start in `keys`, after its length. */
  private starts = new Int32Array(128);
  private lengths = new Int32Array(128);
  private keyBytes = new Uint8Array(4096);
  private keyView = new DataView(this.keyBytes.buffer);
  private used = 0;
  private count = 0;
  private last = 0;
  private readonly seed: number;
  private readonly keyed: KeyedHash;
  private isFlooded = false;

  /** @param key secret: whoever writes events must not be able to choose texts that fall into one slot */
  constructor(key: HashKey) {
    this.seed = key.high;
    this.keyed = new KeyedHash(key);
    this.clear();
  }

  get size(): number {
    return this.count;
  }

  /** All texts in order of position, each with its length before it. */
  get keys(): Uint8Array {
    return this.keyBytes.subarray(0, this.used);
  }

  clear(): void {
    this.index.fill(0);
    this.used = 0;
    this.count = 0;
    this.last = 0;
    this.isFlooded = false;
    this.insert(NO_BYTES, 0, 0, 0, 0);
  }

  /**
   * Position of the text, or INVALID_TEXT if it is not clean UTF-8. `view` shows the same buffer as `bytes`; `length` is at
   * most 127 x 128. Four bytes at once: measured at a third of the time of one by one.
   */
  intern(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    if (length <= 0) return EMPTY_TEXT;
    if (this.holds(this.last, bytes, view, start, length)) return this.last;
    const hash = this.hashOf(bytes, view, start, length);
    const mask = this.index.length - 1;
    let slot = hash & mask;
    for (let probes = 0; ; probes++) {
      const position = (this.index[slot] as number) - 1;
      if (position < 0) break;
      if (this.hashes[position] === hash && this.holds(position, bytes, view, start, length)) {
        this.last = position;
        return position;
      }
      if (probes > PROBES_MAX && !this.isFlooded) {
        this.endFlood();
        return this.intern(bytes, view, start, length);
      }
      slot = (slot + 1) & mask;
    }
    if (!isCleanText(bytes, start, length)) return INVALID_TEXT;
    return this.insert(bytes, start, length, hash, slot);
  }

  private hashOf(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    return this.isFlooded
      ? this.keyed.ofText(bytes, view, start, length)
      : hashText(this.seed, bytes, view, start, length);
  }

  private endFlood(): void {
    this.isFlooded = true;
    for (let position = 1; position < this.count; position++) {
      const start = this.starts[position] as number;
      const length = this.lengths[position] as number;
      this.hashes[position] = this.hashOf(this.keyBytes, this.keyView, start, length);
    }
    this.fillIndex(this.index.length);
  }

  private holds(position: number, bytes: Uint8Array, view: DataView, start: number, length: number): boolean {
    if (this.lengths[position] !== length) return false;
    const at = this.starts[position] as number;
    const words = length & ~3;
    // texts of one column share their beginnings more often than their ends
    for (let i = length - 1; i >= words; i--) if (this.keyBytes[at + i] !== bytes[start + i]) return false;
    for (let i = words - 4; i >= 0; i -= 4) {
      if (this.keyView.getInt32(at + i, true) !== view.getInt32(start + i, true)) return false;
    }
    return true;
  }

  private insert(bytes: Uint8Array, start: number, length: number, hash: number, slot: number): number {
    const position = this.count++;
    if (position === this.starts.length) this.growTexts();
    this.reserve(length + 2);
    if (length >= 0x80) this.keyBytes[this.used++] = (length & 0x7f) | 0x80;
    this.keyBytes[this.used++] = length >= 0x80 ? length >>> 7 : length;
    this.starts[position] = this.used;
    this.lengths[position] = length;
    this.hashes[position] = hash;
    for (let i = 0; i < length; i++) this.keyBytes[this.used + i] = bytes[start + i] ?? 0;
    this.used += length;
    // the empty text is answered before any probe, so it stays out of the index
    if (length > 0) this.index[slot] = position + 1;
    if (this.count * 2 > this.index.length) this.fillIndex(this.index.length * 2);
    this.last = position;
    return position;
  }

  private reserve(more: number): void {
    if (this.used + more <= this.keyBytes.length) return;
    const larger = new Uint8Array(this.keyBytes.length * 2 + more);
    larger.set(this.keyBytes);
    this.keyBytes = larger;
    this.keyView = new DataView(larger.buffer);
  }

  private growTexts(): void {
    const grow = (from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(from.length * 2);
      larger.set(from);
      return larger;
    };
    this.starts = grow(this.starts);
    this.lengths = grow(this.lengths);
    this.hashes = grow(this.hashes);
  }

  private fillIndex(slots: number): void {
    this.index = new Int32Array(slots);
    const mask = this.index.length - 1;
    for (let position = 1; position < this.count; position++) {
      let slot = (this.hashes[position] as number) & mask;
      while (this.index[slot] !== 0) slot = (slot + 1) & mask;
      this.index[slot] = position + 1;
    }
  }
}

function hashText(seed: number, bytes: Uint8Array, view: DataView, start: number, length: number): number {
  const words = start + (length & ~3);
  const end = start + length;
  let hash = seed ^ length;
  let at = start;
  for (; at < words; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0xcc9e2d51);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
  return hash ^ (hash >>> 16);
}
