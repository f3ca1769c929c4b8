// The state of one processor: what it owns, what it remembers, and the two blocks of which one fills while the other is on
// its way. Every assignment makes it anew, from usage_log alone.

import type { Metrics } from "../adapters/metrics/metrics.ts";
import { Block, type BlockLimits } from "../domain/block/block.ts";
import type { Intake, LateRecord } from "../domain/block/intake.ts";
import { type DedupeLimits, DedupeMemory } from "../domain/dedupe/memory.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";
import type { UsageLog } from "../domain/ports/usage-log.ts";

export interface StreamLimits extends BlockLimits, DedupeLimits {
  /** Longest time a record waits in a block, milliseconds. */
  readonly flush_ms: number;
  /** How long after the last heartbeat an insert may still begin, milliseconds; below the group's session timeout. */
  readonly lease_ms: number;
}

export interface StreamParts {
  readonly usageLog: UsageLog;
  readonly intake: Intake;
  readonly limits: StreamLimits;
  /** Names this process among all owners, before and after. */
  readonly owner: string;
  /** Secret of the dedupe tables' hash. */
  readonly seed: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Retries while ClickHouse is away, for as long as the process may wait. */
  readonly retry: <T>(attempt: () => Promise<T>) => Promise<T>;
  /** First offset that Kafka holds, by partition: where a partition begins that the log knows nothing of. */
  readonly lowOffsets: () => Promise<ReadonlyMap<number, number>>;
}

/** What belongs to one assignment; a newer one replaces it whole, so nothing of an older one can leak into it. */
export class Assignment {
  readonly epochs: ReadonlyMap<number, number>;
  /** Server time minus monotonic time, milliseconds. */
  serverOffsetMs: number;
  readonly memory: DedupeMemory;
  /** Offset after the last record that went into a block, by partition. */
  readonly next: Map<number, number>;
  /** End of each partition as last heard from Kafka. */
  readonly ends = new Map<number, number>();
  filling: Block;
  late: LateRecord[] = [];
  newestHour = 0;
  attempts = 0;
  private spare: Block;

  constructor(
    parts: StreamParts,
    epochs: ReadonlyMap<number, number>,
    next: ReadonlyMap<number, number>,
    serverOffsetMs: number,
  ) {
    this.epochs = epochs;
    this.next = new Map(next);
    this.serverOffsetMs = serverOffsetMs;
    this.memory = new DedupeMemory(parts.limits, parts.seed);
    this.filling = new Block(parts.limits);
    this.spare = new Block(parts.limits);
  }

  /**
   * Hands out the block that was filled and goes on with the spare one, which must be in the log by now. Only here, between
   * two blocks, is anything forgotten: within one block an hour is either remembered or looked up. Were it both, a copy of
   * an id that this very block holds would be looked up in a log that does not have it yet, and count twice.
   */
  nextBlock(): { readonly filling: Block; readonly late: LateRecord[] } {
    const { filling, late, spare } = this;
    this.filling = spare;
    this.spare = filling;
    this.late = [];
    this.memory.trim(this.newestHour);
    return { filling, late };
  }
}

/** Server time minus monotonic time, milliseconds; rather too little, by the time of the answer. */
export async function serverOffsetMs({ usageLog, clock, retry }: StreamParts): Promise<number> {
  const serverMs = await retry(() => usageLog.serverTimeMs());
  return serverMs - clock.monotonicMs();
}
