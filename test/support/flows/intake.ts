// Records through the processor's core, without Kafka and without a log.
import { createRecordReader } from "../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../services/adapters/avro/schemas.ts";
import { Block, type BlockLimits, type PartitionBatch } from "../../../services/domain/block/block.ts";
import type { RowKind } from "../../../services/domain/block/columns.ts";
import { Intake, type LateRecord } from "../../../services/domain/block/intake.ts";
import { closingRows } from "../../../services/domain/block/other-rows.ts";
import { recordOf } from "../../../services/domain/block/record-run.ts";
import { LateIds, type LogLookUp } from "../../../services/domain/block/seen-ids.ts";
import { DedupeMemory } from "../../../services/domain/dedupe/memory.ts";
import type { Fault } from "../../../services/domain/event/codes.ts";
import type { Trust } from "../../../services/domain/trust/trust.ts";
import { HASH_KEY } from "../builders/hash-key.ts";
import { TEST_HASH } from "../builders/payload-hash.ts";
import { TEST_TRUST } from "../builders/trust.ts";
import { type PlainRow, plainRows } from "../doubles/plain-rows.ts";

export const HOUR_MS = 3_600_000;
/** The broker's append time of records, unless given: half past an hour. */
export const NOW_MS = Date.UTC(2026, 10, 23, 12, 30);
export const NOW_HOUR = Math.floor(NOW_MS / HOUR_MS);
export const AGE_MAX_MS = 90 * 24 * HOUR_MS;
/** Hours that the dedupe memory reaches back. */
export const REMEMBERED_HOURS = 2;

export interface Sent {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Why the batch that it came in could not be decoded. */
  readonly fault?: Fault;
}

const schemas = loadSchemas();

/** One block, one memory, and records that get offsets from 100 on in each partition. */
export class TestIntake {
  readonly block: Block;
  readonly memory = new DedupeMemory({ dedupe_hours: REMEMBERED_HOURS, dedupe_ids_max: 1_000_000 }, HASH_KEY);
  readonly late: LateRecord[] = [];
  private readonly intake: Intake;
  private readonly next = new Map<number, number>();

  constructor(limits: Partial<BlockLimits> = {}, trust: Trust = TEST_TRUST) {
    this.block = new Block({ block_rows_max: 2_000, block_bytes_max: 2 ** 30, ...limits }, HASH_KEY);
    const confluentIds = new Map([
      [1, "gpu_time_event/v1"],
      [2, "gpu_totals/v2"],
      [3, "gpu_time_event/v2"],
      [4, "gpu_time_event/v3"],
    ]);
    this.intake = new Intake(
      createRecordReader({ schemas, confluentIds }),
      { age_max_ms: AGE_MAX_MS },
      trust,
      TEST_HASH,
    );
  }

  /** True if the record was taken, false if it was set aside as late. */
  send({ key, value, fault }: Sent, partition = 0, ingestedAtMs = NOW_MS): boolean {
    if (!this.memory.has(partition)) this.memory.open(partition, NOW_HOUR - REMEMBERED_HOURS);
    const offset = this.next.get(partition) ?? 100;
    this.next.set(partition, offset + 1);
    const batch = this.block.partition(partition, offset);
    const record = recordOf(offset, ingestedAtMs, key, value);
    record.fault = fault;
    const late = this.intake.take(this.block, batch, record, this.memory);
    if (late !== undefined) this.late.push(late);
    return late === undefined;
  }

  takeLate(lookUp: LogLookUp = () => undefined): void {
    this.intake.takeLate(this.block, this.late.splice(0), new LateIds(lookUp));
  }

  account(partition = 0): PartitionBatch {
    return this.block.partition(partition, -1);
  }

  /** Every row that the block would send, or those of some kinds. */
  rows(...kinds: readonly RowKind[]): PlainRow[] {
    const epochs = new Map([...this.block.partitions.keys()].map((partition) => [partition, 7]));
    const all = plainRows(this.block, [...this.block.rows, ...closingRows(this.block, epochs)], 20_000);
    return kinds.length === 0 ? all : all.filter((row) => kinds.includes(row.kind as RowKind));
  }
}
