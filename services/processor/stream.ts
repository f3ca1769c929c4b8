// The state of one processor: what it owns, what it remembers, and the two blocks of which one fills while the other is on
// its way. Every assignment makes it anew, from usage_log alone.
import { Block, type BlockLimits } from "../domain/block/block.ts";
import type { Intake, LateRecord } from "../domain/block/intake.ts";
import { type DedupeLimits, DedupeMemory } from "../domain/dedupe/memory.ts";
import type { UsageLog } from "../domain/ledger/usage-log.ts";
import type { Clock } from "../adapters/clock/clock.ts";
import type { Log } from "../adapters/log/log.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";

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
  /** Retries while ClickHouse is away, until the process stops. */
  readonly retry: <T>(attempt: () => Promise<T>) => Promise<T>;
}

/** What belongs to one assignment; a newer one replaces it whole, so nothing of an older one can leak into it. */
export class Assignment {
  readonly epochs: ReadonlyMap<number, number>;
  /** Server time minus monotonic time, milliseconds. */
  readonly serverOffsetMs: number;
  readonly memory: DedupeMemory;
  /** Offset after the last record that went into a block, by partition. */
  readonly next: Map<number, number>;
  /** End of each partition as last heard from Kafka. */
  readonly ends = new Map<number, number>();
  filling: Block;
  spare: Block;
  late: LateRecord[] = [];
  newestHour = 0;
  attempts = 0;

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
}
