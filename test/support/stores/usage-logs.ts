// The usage_logs that must give the same answers, and blocks to put into them.

import { createRecordReader } from "../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../services/adapters/avro/schemas.ts";
import { clickHouseUsageLog } from "../../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../../services/adapters/clock/clock.ts";
import type { OutgoingRecord } from "../../../services/adapters/kafka/producer.ts";
import { Block } from "../../../services/domain/block/block.ts";
import { Intake } from "../../../services/domain/block/intake.ts";
import { recordOf } from "../../../services/domain/block/record-run.ts";
import { DedupeMemory } from "../../../services/domain/dedupe/memory.ts";
import type { Guard, Ownership, UsageLog } from "../../../services/domain/ports/usage-log.ts";
import { TRUST_EVERYONE } from "../../../services/domain/trust/trust.ts";
import { HASH_KEY } from "../builders/hash-key.ts";
import { TEST_HASH } from "../builders/payload-hash.ts";
import { MemoryUsageLog } from "../doubles/memory-usage-log.ts";
import { databaseOfTest } from "../stack/stack.ts";

interface Opened {
  readonly log: UsageLog;
  /** Rows of all kinds that are in the log. */
  rows(): Promise<number>;
}

async function openMemory(): Promise<Opened> {
  const log = new MemoryUsageLog(systemClock);
  return { log, rows: async () => log.rows.length };
}

async function openReal(): Promise<Opened> {
  const database = await databaseOfTest();
  const processor = database.open("processor");
  return {
    log: clickHouseUsageLog(processor, systemClock),
    rows: async () => {
      const [row] = await processor.query<{ n: string }>("SELECT count() AS n FROM usage_log");
      return Number(row?.n);
    },
  };
}

export const USAGE_LOGS = [
  ["in memory", openMemory],
  ["in ClickHouse", openReal],
] as const;

const LIMITS = { block_rows_max: 10_000, block_bytes_max: 1 << 24 };
const intake = new Intake(
  createRecordReader({ schemas: loadSchemas() }),
  { age_max_ms: 90 * 86_400_000 },
  TRUST_EVERYONE,
  TEST_HASH,
);

export interface Stretch {
  readonly partition: number;
  readonly first: number;
  readonly records: readonly OutgoingRecord[];
}

/** Records of one or more partitions, each from its first offset on, as one block that knows of no others. */
export function blockOf(...stretches: readonly Stretch[]): Block {
  const block = new Block(LIMITS, HASH_KEY);
  const memory = new DedupeMemory({ dedupe_hours: 1, dedupe_ids_max: 1_000_000 }, HASH_KEY);
  const nowMs = systemClock.nowMs();
  for (const { partition, first, records } of stretches) {
    memory.open(partition, 0);
    const batch = block.partition(partition, first);
    for (const [i, { key, value }] of records.entries()) {
      intake.take(block, batch, recordOf(first + i, nowMs, key, value), memory);
    }
  }
  return block;
}

let inserts = 0;

/** What an owner may do after its takeover, for a minute. */
export function guardOf(owner: string, owned: readonly Ownership[], changes: Partial<Guard> = {}): Guard {
  return {
    owner,
    epochs: new Map(owned.map(({ partition, epoch }) => [partition, epoch])),
    leaseUntilMs: systemClock.nowMs() + 60_000,
    name: `usage_log/${owned.map(({ partition }) => partition).join(".")}/${owner}/${process.pid}-${++inserts}`,
    ...changes,
  };
}
