// The ceiling: the same rows as prepared Native blocks straight into the same table, one after the other, no Kafka.

import { randomBytes } from "node:crypto";
import { createRecordReader } from "../services/adapters/avro/reader.ts";
import { loadSchemas } from "../services/adapters/avro/schemas.ts";
import type { ClickHouse } from "../services/adapters/clickhouse/client.ts";
import { encodeNative } from "../services/adapters/clickhouse/native.ts";
import { systemClock } from "../services/adapters/clock/clock.ts";
import { SIP_KEY_BYTES, sipHash } from "../services/adapters/crypto/sip-hash.ts";
import { Block } from "../services/domain/block/block.ts";
import { Intake } from "../services/domain/block/intake.ts";
import { closingRows } from "../services/domain/block/other-rows.ts";
import { recordOf } from "../services/domain/block/record-run.ts";
import { DedupeMemory } from "../services/domain/dedupe/memory.ts";
import { HOUR_MS } from "../services/domain/time/hour.ts";
import { TRUST_EVERYONE } from "../services/domain/trust/trust.ts";
import { record } from "./events.ts";

const BLOCK_ROWS = 100_000;
const HASH_KEY = { low: 1, high: 2 };

/** Native blocks of a few hundred thousand records; sent again and again they stand for the whole load. */
export function prepareBlocks(records: number, endMs: number, spanMs: number): Uint8Array[] {
  const intake = new Intake(
    createRecordReader({ schemas: loadSchemas() }),
    { age_max_ms: 24 * HOUR_MS },
    TRUST_EVERYONE,
    sipHash(randomBytes(SIP_KEY_BYTES)),
  );
  const memory = new DedupeMemory({ dedupe_hours: 24, dedupe_ids_max: records * 2 }, HASH_KEY);
  memory.open(0, 0);
  const block = new Block({ block_rows_max: BLOCK_ROWS, block_bytes_max: 2 ** 28 }, HASH_KEY);
  const blocks: Uint8Array[] = [];
  for (let i = 0; i < records; i++) {
    const batch = block.partition(0, i);
    const { key, value } = record(i, endMs, spanMs);
    intake.take(block, batch, recordOf(i, endMs, key, value), memory);
    if (block.isFull || i === records - 1) {
      const pieces = encodeNative(block, [...block.rows, ...closingRows(block, new Map())], {
        ingestDay: 20_000,
      });
      blocks.push(Buffer.concat(pieces));
      block.clear();
    }
  }
  return blocks;
}

/** Rows a second of sending `rounds` times all blocks on one connection; each block holds BLOCK_ROWS event rows or fewer. */
export async function runCeiling(
  client: ClickHouse,
  blocks: readonly Uint8Array[],
  times: number,
): Promise<number> {
  const began = systemClock.monotonicMs();
  for (let i = 0; i < times; i++) {
    for (const block of blocks) {
      await client.execInsert("INSERT INTO ceiling_log FORMAT Native", block, {
        settings: { async_insert: 0, max_insert_threads: "1", input_format_parallel_parsing: 0 },
      });
    }
  }
  return (systemClock.monotonicMs() - began) / 1000;
}
