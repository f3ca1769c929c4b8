// Was an id counted before? The memory answers, or usage_log for what is older than the memory.
import { type DedupeMemory, type IdSpace, LOOK_UP } from "../dedupe/memory.ts";
import { CONFLICT, DUPLICATE, NEW, type Novelty } from "../dedupe/table.ts";
import { ID_BYTES } from "../event/id.ts";
import { copyOfHash, isSameHash, type PayloadHash } from "../event/payload-hash.ts";

export interface SeenIds {
  /** Remembers the id, 16 bytes at `at`, if it is new. LOOK_UP: only usage_log can tell. */
  add(space: IdSpace, id: Uint8Array, at: number, hash: PayloadHash): Novelty | typeof LOOK_UP;
}

/** The ids in memory. One object for all records of an intake, not a closure for each. */
export class MemoryIds implements SeenIds {
  memory: DedupeMemory | undefined;
  /** The partition where the record belongs, which is not always where it lies. */
  home = 0;

  add(space: IdSpace, id: Uint8Array, at: number, hash: PayloadHash): Novelty | typeof LOOK_UP {
    const memory = this.memory as DedupeMemory;
    // what belongs in a partition of another process is known to usage_log only
    return memory.has(this.home) ? memory.add(this.home, space, id, at, hash) : LOOK_UP;
  }
}

/** The payload hash of an id that usage_log holds; undefined if it does not. */
export type LogLookUp = (space: IdSpace, id: Uint8Array) => PayloadHash | undefined;

/** The late ids: what usage_log knows of them, and the ones before in the same block. */
export class LateIds implements SeenIds {
  private readonly lookUp: LogLookUp;
  private readonly before = new Map<string, PayloadHash>();

  constructor(lookUp: LogLookUp) {
    this.lookUp = lookUp;
  }

  add(space: IdSpace, id: Uint8Array, at: number, hash: PayloadHash): Novelty {
    const copy = id.slice(at, at + ID_BYTES);
    const key = `${space}${copy.join()}`;
    // before the look-up, which may hash too
    const own = copyOfHash(hash);
    const first = this.before.get(key) ?? this.lookUp(space, copy);
    if (first === undefined) {
      this.before.set(key, own);
      return NEW;
    }
    return isSameHash(first, own) ? DUPLICATE : CONFLICT;
  }
}
