// The port between the processor and the log it writes. Implemented by adapters/clickhouse/usage-log.ts, and in
// memory by the tests' double of it; both pass test/contract/usage-log.test.ts.

import type { Block } from "../block/block.ts";
import type { Homes } from "../dedupe/home.ts";
import type { FoundId, KnownId } from "../dedupe/known-ids.ts";
import type { IdSpace } from "../dedupe/memory.ts";
import type { HourIndex } from "../time/hour.ts";

/** What one owner holds of one Kafka partition. */
export interface Ownership {
  readonly partition: number;
  readonly epoch: number;
  /** Offset to read next, or undefined if the log holds no batch of this partition. */
  readonly position: number | undefined;
}

export interface Guard {
  readonly owner: string;
  /** Epoch by partition; every partition of the block must be in it. */
  readonly epochs: ReadonlyMap<number, number>;
  /** Server time after which the insert must not happen, milliseconds since the Unix epoch. */
  readonly leaseUntilMs: number;
  /** Names the insert, so that it can be found and killed. Unique per block and owner. */
  readonly name: string;
}

/**
 * applied: the block is in the log, once. fenced: somebody newer owns a partition. displaced: the log's position is not the
 * block's (it was applied before, or by somebody else). expired: the lease ended before the insert began. unknown: no answer;
 * it may yet be applied until `killInsert` has returned.
 */
export type AppendResult =
  | { readonly outcome: "applied" | "fenced" | "displaced" | "expired" }
  | { readonly outcome: "unknown"; readonly cause: string };

export interface UsageLog {
  /** Becomes the newest owner of the partitions, kills inserts of older owners, then reads the positions. */
  takeOver(partitions: readonly number[], owner: string): Promise<Ownership[]>;
  append(block: Block, guard: Guard): Promise<AppendResult>;
  /** Kills whatever is left of the named insert, so that its outcome is what `positions` says. */
  killInsert(name: string): Promise<void>;
  positions(partitions: readonly number[]): Promise<Map<number, number>>;
  /**
   * Ids that belong in a partition, from hour `fromHour` (since the epoch) on, in any order, in pieces: wherever they were
   * counted, in another partition or in an earlier generation.
   */
  recentIds(
    partition: number,
    homes: Homes,
    fromHour: HourIndex,
  ): AsyncIterable<{ space: IdSpace; ids: readonly KnownId[] }>;
  /** Which of the ids (of one space) the log holds, anywhere. */
  lookUp(space: IdSpace, ids: readonly Uint8Array[]): Promise<FoundId[]>;
  /** The server's clock, milliseconds since the Unix epoch: leases are judged by it alone. */
  serverTimeMs(): Promise<number>;
}
