// The processor's pipeline over a log in memory and a clock that stands still: every interleaving can be made on purpose.
import { setImmediate as turn } from "node:timers/promises";
import { createRecordReader } from "../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../services/adapters/avro/schemas.ts";
import type { OutgoingRecord } from "../../../services/adapters/kafka/producer.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { Intake } from "../../../services/domain/block/intake.ts";
import { type KafkaRecord, type RecordRun, recordOf } from "../../../services/domain/block/record-run.ts";
import type { Log } from "../../../services/domain/ports/log.ts";
import type { UsageLog } from "../../../services/domain/ports/usage-log.ts";
import { TRUST_EVERYONE } from "../../../services/domain/trust/trust.ts";
import { Pipeline, type PipelineParts } from "../../../services/processor/pipeline.ts";
import { HASH_KEY } from "../builders/hash-key.ts";
import { TEST_HASH } from "../builders/payload-hash.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { MemoryUsageLog } from "../doubles/memory-usage-log.ts";

export const NOW_MS = Date.UTC(2026, 10, 23, 12, 30);
type Limits = PipelineParts["limits"];
const LIMITS: Limits = {
  block_rows_max: 100,
  block_bytes_max: 1 << 20,
  dedupe_hours: 2,
  dedupe_ids_max: 1_000_000,
  flush_ms: 1_000,
  lease_ms: 20_000,
};

const reader = createRecordReader({ schemas: loadSchemas() });
const metrics = createMetrics("processor");
const silent = createLog({ level: "silent", name: "test" });

/** Everything that was appended to one partition of a topic. */
class TestPartition {
  readonly records: KafkaRecord[] = [];

  append(...records: readonly OutgoingRecord[]): void {
    for (const { key, value } of records) {
      this.records.push(recordOf(this.records.length, NOW_MS, key, value));
    }
  }

  run(from: number, to: number): RecordRun {
    const rest = this.records.slice(from, to);
    const run = {
      record: recordOf(-1, 0, null, null),
      next() {
        const record = rest.shift();
        if (record !== undefined) run.record = record;
        return record !== undefined;
      },
    };
    return run;
  }
}

export interface World {
  readonly log: MemoryUsageLog;
  readonly clock: ManualClock;
  readonly partitions: readonly TestPartition[];
}

export function world(partitions = 1): World {
  const clock = new ManualClock(NOW_MS);
  return {
    log: new MemoryUsageLog(clock),
    clock,
    partitions: Array.from({ length: partitions }, () => new TestPartition()),
  };
}

/** One processor, driven by hand as its source would; several can share a world. */
export class TestProcessor {
  readonly pipeline: Pipeline;
  readonly failures: unknown[] = [];
  readonly patience = new AbortController();
  restarts = 0;
  heartbeatMs: number;
  private readonly world: World;

  constructor(
    owner: string,
    shared: World,
    limits: Partial<Limits> = {},
    usageLog: UsageLog = shared.log,
    log: Log = silent,
  ) {
    this.world = shared;
    const { clock } = shared;
    this.heartbeatMs = clock.monotonicMs();
    this.pipeline = new Pipeline({
      usageLog,
      intake: new Intake(reader, { age_max_ms: 90 * 86_400_000 }, TRUST_EVERYONE, TEST_HASH),
      limits: { ...LIMITS, ...limits },
      owner,
      hashKey: HASH_KEY,
      clock,
      log,
      metrics,
      retry: (attempt) => attempt(),
      patience: this.patience.signal,
      identify: async () => ({
        number: 0,
        identity: { cluster_id: "c", topic_id: "t", topic: "events", partitions: shared.partitions.length },
        begins: new Map(),
      }),
      fail: (error) => this.failures.push(error),
      source: {
        restart: () => {
          this.restarts++;
        },
        commit: async () => undefined,
        lastHeartbeatMs: () => this.heartbeatMs,
      },
    });
  }

  /** Hands on the records of a partition from one offset up to another. */
  async read(partition: number, from: number, to: number): Promise<void> {
    const of = this.world.partitions[partition] as TestPartition;
    await this.pipeline.records(partition, of.run(from, to), to - 1, of.records.length);
  }

  beat(): void {
    this.heartbeatMs = this.world.clock.monotonicMs();
  }
}

const STEP_MS = 100;

/** Moves the clock on until the work is done, with heartbeats. */
export async function whileTimePasses(
  clock: ManualClock,
  processor: TestProcessor,
  work: Promise<void>,
): Promise<void> {
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    processor.beat();
    await clock.advance(STEP_MS);
    await turn();
  }
  await done;
}
