// The state of one processor: what it owns, what it remembers, and the two blocks, of which one fills while the other is on
// its way. Every assignment makes it anew, from usage_log alone.

import { Block, type BlockLimits } from "../domain/block/block.ts";
import type { LateRecord } from "../domain/block/intake.ts";
import type { Homes } from "../domain/dedupe/home.ts";
import { type DedupeLimits, DedupeMemory } from "../domain/dedupe/memory.ts";
import type { HashKey } from "../domain/event/keyed-hash.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { UsageLog } from "../domain/ports/usage-log.ts";

/** Retries while ClickHouse is away, for as long as the process may wait. */
export type Retry = <T>(attempt: () => Promise<T>) => Promise<T>;

/** A block that takes no more records, and the late ones that are still to be looked up for it. */
export interface SealedBlock {
  readonly block: Block;
  readonly late: readonly LateRecord[];
}

/** Where an assignment begins; maps are by partition of usage_log. */
export interface AssignmentStart {
  readonly generation: number;
  readonly homes: Homes;
  readonly epochs: ReadonlyMap<number, number>;
  readonly positions: ReadonlyMap<number, number>;
  /** Server time minus monotonic time, milliseconds. */
  readonly serverOffsetMs: number;
}

/** What belongs to one assignment; a newer one replaces it whole, so nothing of an older one can leak into it. */
export class Assignment {
  /** Its partitions are of this generation of the topic. */
  readonly generation: number;
  readonly epochs: ReadonlyMap<number, number>;
  serverOffsetMs: number;
  readonly memory: DedupeMemory;
  /** Offset after the last record that went into a block, by partition. */
  readonly next: Map<number, number>;
  /** End of each partition as last heard from Kafka. */
  readonly ends = new Map<number, number>();
  openBlock: Block;
  late: LateRecord[] = [];
  newestHour = 0;
  attempts = 0;
  /** Whether the ids of one hour nearly fill the memory. */
  isMemoryNear = false;
  private spareBlock: Block;

  /** @param key secret of all hash tables over what producers choose */
  constructor(limits: BlockLimits & DedupeLimits, key: HashKey, start: AssignmentStart) {
    this.generation = start.generation;
    this.epochs = start.epochs;
    this.next = new Map(start.positions);
    this.serverOffsetMs = start.serverOffsetMs;
    this.memory = new DedupeMemory(limits, key, start.homes);
    this.openBlock = new Block(limits, key);
    this.spareBlock = new Block(limits, key);
  }

  /**
   * Hands out the block that was filled and goes on with the spare one, which must be in the log by now. Only here, between
   * two blocks, is anything forgotten: within one block an hour is either remembered or looked up. Were it both, a copy of
   * an id that this very block holds would be looked up in a log that does not have it yet, and count twice.
   */
  nextBlock(): SealedBlock {
    const { openBlock: block, late } = this;
    this.openBlock = this.spareBlock;
    this.spareBlock = block;
    this.late = [];
    this.memory.trim(this.newestHour);
    return { block, late };
  }
}

export interface ServerTimeParts {
  readonly usageLog: Pick<UsageLog, "serverTimeMs">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly retry: Retry;
}

/** Server time minus monotonic time, milliseconds; rather too little, by the time of the answer. */
export async function serverOffsetMs({ usageLog, clock, retry }: ServerTimeParts): Promise<number> {
  const serverMs = await retry(() => usageLog.serverTimeMs());
  return serverMs - clock.monotonicMs();
}
