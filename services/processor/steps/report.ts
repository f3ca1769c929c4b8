// The account of a block that is in the log, as metrics.
import type { Metrics } from "../../adapters/metrics/metrics.ts";
import type { Block } from "../../domain/block/block.ts";
import type { DedupeUsage } from "../../domain/dedupe/memory.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { Assignment } from "../stream.ts";

export function report(
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
  assignment: Pick<Assignment, "ends" | "memory" | "isMemoryNear">,
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
  metrics.dedupe_newest_hour.set(usage.newest_hour_ids / usage.ids_max);
  watchMemory(log, assignment, usage);
}

/** Part of the ids that may be kept, in percent, from which one hour alone is too near to all of them. */
const NEAR_PERCENT = 80;

/** Said once each time that it begins. */
function watchMemory(
  log: Log,
  assignment: Pick<Assignment, "isMemoryNear">,
  { newest_hour_ids, ids_max }: DedupeUsage,
): void {
  const isNear = newest_hour_ids * 100 >= ids_max * NEAR_PERCENT;
  if (isNear && !assignment.isMemoryNear) {
    log.warn(
      { newest_hour_ids, ids_max },
      "the ids of one hour nearly fill the memory; beyond it every event is looked up in ClickHouse: raise METERHOUSE_DEDUPE_IDS_MAX or add processors",
    );
  }
  assignment.isMemoryNear = isNear;
}
