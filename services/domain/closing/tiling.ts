import type { Cut } from "./cut.ts";

/** Offsets [first_offset, end_offset) of one partition that batches cover with no gap and no overlap between them. */
export interface Run {
  readonly partition: number;
  readonly first_offset: bigint;
  readonly end_offset: bigint;
}

export interface TilingFault {
  readonly partition: number;
  readonly kind: "gap" | "overlap";
  /** Where the next batch had to begin, and where it began; for what is missing at the end, where it had to end. */
  readonly expected: bigint;
  readonly found: bigint;
}

/**
 * Whether the batches between two cuts tile the offsets. `runs` are sorted by partition and first offset. A partition
 * that `from` does not have begins with its first batch, as the log may have been shortened before it was ever read.
 */
export function tilingFaults(runs: readonly Run[], from: Cut, to: Cut): TilingFault[] {
  const faults: TilingFault[] = [];
  for (const [partition, end] of to) {
    const partitionRuns = runs.filter((run) => run.partition === partition);
    let expected = from.get(partition) ?? partitionRuns[0]?.first_offset ?? end;
    for (const { first_offset, end_offset } of partitionRuns) {
      if (first_offset !== expected) {
        const kind = first_offset > expected ? "gap" : "overlap";
        faults.push({ partition, kind, expected, found: first_offset });
      }
      expected = end_offset > expected ? end_offset : expected;
    }
    if (expected !== end) {
      faults.push({ partition, kind: expected < end ? "gap" : "overlap", expected: end, found: expected });
    }
  }
  return faults;
}
