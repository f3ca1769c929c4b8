// Ids of one Kafka partition and event-hour: an append-only log of entries and an open-addressing index over it.
//
// An entry is 20 bytes: of a UUIDv7 whose hour is known, 96 bits are left (22 of milliseconds, 74 of hash), and 64 bits
// of payload hash. The index holds 32-bit positions (6 of them a tag), so its growth moves 4 bytes per id and not 20.
// Growing by half keeps the index between 0.53 and 0.8 full: 25 to 27.5 bytes per id, and at most one chunk of the log (40 KiB)
// more, where entries stored in the table itself at the same speed would cost 24 / 0.6 = 40.

import { type HashKey, KeyedHash } from "../event/keyed-hash.ts";

const WORDS = 5;
const CHUNK_BITS = 11;
const CHUNK_ENTRIES = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_ENTRIES - 1;
const FIRST_ENTRIES = 64;
const POSITION_BITS = 26;
const POSITION_MASK = 2 ** POSITION_BITS - 1;
const LOAD_MAX = 0.8;
const GROWTH = 1.5;

/** More ids than this in one partition and hour need more partitions: 2^26 - 1, some 18,600 per second. */
export const TABLE_IDS_MAX = POSITION_MASK;

export const NEW = 0;
export const DUPLICATE = 1;
export const CONFLICT = 2;
export type Novelty = typeof NEW | typeof DUPLICATE | typeof CONFLICT;

export class DedupeTable {
  private chunks: Uint32Array[] = [new Uint32Array(FIRST_ENTRIES * WORDS)];
  private index = new Uint32Array(Math.ceil(FIRST_ENTRIES / LOAD_MAX));
  private count = 0;
  private readonly hash: KeyedHash;

  /** @param key secret, so that nobody can choose ids that fall into one slot */
  constructor(key: HashKey) {
    this.hash = new KeyedHash(key);
  }

  get size(): number {
    return this.count;
  }

  /** Bytes held, index and log together. */
  get bytes(): number {
    return this.index.byteLength + this.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  /** Remembers the id if it is new; otherwise says whether its payload is the same. The id is 16 bytes at `at`. */
  add(id: Uint8Array, at: number, hashLow: number, hashHigh: number): Novelty {
    const a =
      ((word(id, at + 2) & 0x3fffff) << 10) | ((((id[at + 6] ?? 0) & 0x0f) << 6) | ((id[at + 7] ?? 0) >>> 2));
    const b = (((id[at + 7] ?? 0) & 3) << 30) | (word(id, at + 8) & 0x3fffffff);
    const c = word(id, at + 12);
    const mixed = this.hash.ofWords(a, b, c);
    const tag = mixed << POSITION_BITS;
    const index = this.index;
    let slot = Math.floor((mixed >>> 0) * (index.length / 4294967296));
    for (;;) {
      const entry = index[slot] as number;
      if (entry === 0) break;
      if ((entry ^ tag) >>> POSITION_BITS === 0) {
        const position = (entry & POSITION_MASK) - 1;
        const chunk = this.chunks[position >>> CHUNK_BITS] as Uint32Array;
        const base = (position & CHUNK_MASK) * WORDS;
        if (chunk[base + 2] === c >>> 0 && chunk[base + 1] === b >>> 0 && chunk[base] === a >>> 0) {
          return chunk[base + 3] === hashLow && chunk[base + 4] === hashHigh ? DUPLICATE : CONFLICT;
        }
      }
      if (++slot === index.length) slot = 0;
    }
    this.append(a, b, c, hashLow, hashHigh);
    index[slot] = (tag | this.count) >>> 0;
    if (this.count > index.length * LOAD_MAX) this.growIndex();
    return NEW;
  }

  private append(a: number, b: number, c: number, hashLow: number, hashHigh: number): void {
    if (this.count === TABLE_IDS_MAX)
      throw new RangeError(`more than ${TABLE_IDS_MAX} ids in one partition-hour`);
    const chunk = this.chunkFor(this.count);
    const base = (this.count & CHUNK_MASK) * WORDS;
    chunk[base] = a;
    chunk[base + 1] = b;
    chunk[base + 2] = c;
    chunk[base + 3] = hashLow;
    chunk[base + 4] = hashHigh;
    this.count++;
  }

  private chunkFor(position: number): Uint32Array {
    const number = position >>> CHUNK_BITS;
    let chunk = this.chunks[number];
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_ENTRIES * WORDS);
      this.chunks.push(chunk);
    } else if ((position & CHUNK_MASK) * WORDS === chunk.length) {
      // only the first chunk starts small: most partition-hours of a small site hold few ids
      const larger = new Uint32Array(Math.min(chunk.length * 2, CHUNK_ENTRIES * WORDS));
      larger.set(chunk);
      this.chunks[number] = larger;
      chunk = larger;
    }
    return chunk;
  }

  private growIndex(): void {
    const index = new Uint32Array(Math.ceil(this.index.length * GROWTH));
    const scale = index.length / 4294967296;
    for (let position = 0; position < this.count; position++) {
      const chunk = this.chunks[position >>> CHUNK_BITS] as Uint32Array;
      const base = (position & CHUNK_MASK) * WORDS;
      const mixed = this.hash.ofWords(
        chunk[base] as number,
        chunk[base + 1] as number,
        chunk[base + 2] as number,
      );
      let slot = Math.floor((mixed >>> 0) * scale);
      while (index[slot] !== 0) if (++slot === index.length) slot = 0;
      index[slot] = ((mixed << POSITION_BITS) | (position + 1)) >>> 0;
    }
    this.index = index;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
