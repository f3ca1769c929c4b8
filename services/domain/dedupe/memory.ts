// What a processor remembers: for each Kafka partition, the ids of every event-hour from `completeFrom` on. An id of an
// older hour is not unknown, only not remembered: it is looked up in usage_log. So forgetting costs a look-up, never a
// double count, and memory has a bound.

import { idHour } from "../event/id.ts";
import type { HashKey } from "../event/keyed-hash.ts";
import type { HalfHash } from "../event/payload-hash.ts";
import type { HourIndex } from "../time/hour.ts";
import type { Homes } from "./home.ts";
import { DedupeTable, type Novelty } from "./table.ts";

/** The id's hour lies before what is remembered. */
export const LOOK_UP = 3;

export const ID_SPACES = ["event", "totals", "void"] as const;
export type IdSpace = (typeof ID_SPACES)[number];
const SPACE_NUMBER: Readonly<Record<IdSpace, number>> = { event: 0, totals: 1, void: 2 };

export interface DedupeLimits {
  /** Event-hours kept before the newest hour seen, at least 1. */
  readonly dedupe_hours: number;
  /** Ids kept over all partitions; the oldest hour goes first. */
  readonly dedupe_ids_max: number;
}

export interface DedupeUsage {
  readonly ids: number;
  readonly bytes: number;
  /** Ids of the newest hour. Were they more than may be kept, even this hour would be forgotten and every event looked up. */
  readonly newest_hour_ids: number;
  readonly ids_max: number;
}

interface PartitionMemory {
  completeFrom: number;
  /** By hour x 3 + id space. */
  readonly tables: Map<number, DedupeTable>;
}

export class DedupeMemory {
  private readonly partitions = new Map<number, PartitionMemory>();
  /** Where records belong; absent where each belongs where it lies. */
  readonly homes: Homes | undefined;
  private readonly limits: DedupeLimits;
  private readonly key: HashKey;

  /** @param key secret of the tables' hash */
  constructor(limits: DedupeLimits, key: HashKey, homes?: Homes) {
    this.limits = limits;
    this.homes = homes;
    this.key = key;
  }

  /** Starts a partition anew. The caller then adds every id of hours >= completeFrom that usage_log holds. */
  open(partition: number, completeFrom: number): void {
    this.partitions.set(partition, { completeFrom, tables: new Map() });
  }

  close(partition: number): void {
    this.partitions.delete(partition);
  }

  has(partition: number): boolean {
    return this.partitions.has(partition);
  }

  /** First hour (since the epoch) whose ids of this partition are all remembered. */
  completeFrom(partition: number): number {
    return this.partition(partition).completeFrom;
  }

  add(
    partition: number,
    space: IdSpace,
    id: Uint8Array,
    at: number,
    hash: HalfHash,
  ): Novelty | typeof LOOK_UP {
    const memory = this.partition(partition);
    const hour = idHour(id, at);
    if (hour < memory.completeFrom) return LOOK_UP;
    const key = hour * ID_SPACES.length + SPACE_NUMBER[space];
    let table = memory.tables.get(key);
    if (table === undefined) {
      table = new DedupeTable(this.key);
      memory.tables.set(key, table);
    }
    return table.add(id, at, hash.low, hash.high);
  }

  /** Drops hours beyond the horizon of `newestHour`, then the oldest ones until the ids fit. */
  trim(newestHour: HourIndex): DedupeUsage {
    this.forgetBefore(newestHour - this.limits.dedupe_hours);
    let usage = this.usage();
    while (usage.ids > this.limits.dedupe_ids_max) {
      this.forgetBefore(this.oldestHour() + 1);
      usage = this.usage();
    }
    return usage;
  }

  usage(): DedupeUsage {
    let ids = 0;
    let bytes = 0;
    let newest = Number.NEGATIVE_INFINITY;
    let newest_hour_ids = 0;
    for (const { tables } of this.partitions.values()) {
      for (const [key, table] of tables) {
        ids += table.size;
        bytes += table.bytes;
        const hour = Math.floor(key / ID_SPACES.length);
        if (hour > newest) [newest, newest_hour_ids] = [hour, 0];
        if (hour === newest) newest_hour_ids += table.size;
      }
    }
    return { ids, bytes, newest_hour_ids, ids_max: this.limits.dedupe_ids_max };
  }

  private oldestHour(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { tables } of this.partitions.values()) {
      for (const key of tables.keys()) oldest = Math.min(oldest, Math.floor(key / ID_SPACES.length));
    }
    return oldest;
  }

  private forgetBefore(hour: HourIndex): void {
    for (const memory of this.partitions.values()) {
      memory.completeFrom = Math.max(memory.completeFrom, hour);
      for (const key of memory.tables.keys()) {
        if (Math.floor(key / ID_SPACES.length) < memory.completeFrom) memory.tables.delete(key);
      }
    }
  }

  private partition(partition: number): PartitionMemory {
    const memory = this.partitions.get(partition);
    if (memory === undefined) throw new Error(`partition ${partition} is not open in the dedupe memory`);
    return memory;
  }
}
