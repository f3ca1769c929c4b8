// The account of a block that is in the log, as metrics.
import type { Metrics } from "../../adapters/metrics/metrics.ts";
import type { Block } from "../../domain/block/block.ts";
import type { Assignment } from "../stream.ts";

export function report(
  metrics: Metrics,
  assignment: Pick<Assignment, "ends" | "memory">,
  block: Block,
  insertMs: number,
): void {
  for (const batch of block.partitions.values()) {
    metrics.events.inc({ outcome: "counted" }, batch.counted);
    metrics.events.inc({ outcome: "duplicate" }, batch.duplicates);
    metrics.events.inc({ outcome: "conflict" }, batch.conflicts);
    metrics.events.inc({ outcome: "rejected" }, batch.rejected);
    metrics.records_misplaced.inc(batch.misplaced);
    const end = assignment.ends.get(batch.partition) ?? batch.lastOffset + 1;
    metrics.consumer_lag.set({ partition: String(batch.partition) }, Math.max(0, end - batch.lastOffset - 1));
  }
  for (const [code, rows] of block.rejects) metrics.rejected.inc({ code }, rows);
  metrics.batch_rows.observe(block.events.rows + block.rows.length);
  metrics.insert_seconds.observe(insertMs / 1000);
  const usage = assignment.memory.usage();
  metrics.dedupe_ids.set(usage.ids);
  metrics.dedupe_bytes.set(usage.bytes);
}
