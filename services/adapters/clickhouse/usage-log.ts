// usage_log in ClickHouse: the guarded insert that is the whole of "exactly once", takeover, and what is read back.
//
// The guard's three questions are asked by the server inside the insert itself: is there a newer owner, does the log end
// where the block begins, is the lease over. One `no` and no row of the block is written.

import type { Block } from "../../domain/block/block.ts";
import { closingRows } from "../../domain/block/other-rows.ts";
import type { Homes } from "../../domain/dedupe/home.ts";
import type { FoundId, KnownId } from "../../domain/dedupe/known-ids.ts";
import { ID_SPACES, type IdSpace } from "../../domain/dedupe/memory.ts";
import { ID_BYTES, idTimeMs } from "../../domain/event/id.ts";
import { hashOfColumns } from "../../domain/event/payload-hash.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { AppendResult, Guard, Ownership, UsageLog } from "../../domain/ports/usage-log.ts";
import { DAY_MS, HOUR_MS, HOUR_S, type HourIndex, hourOf } from "../../domain/time/hour.ts";
import { type ClickHouse, loadQuery } from "./client.ts";
import { ClickHouseFailure } from "./failure.ts";
import { encodeNative } from "./native.ts";

/** One block, one thread, one partition: what makes the insert one part, and so atomic. */
const INSERT_SETTINGS = {
  async_insert: 0,
  max_partitions_per_insert_block: "1",
  max_insert_threads: "1",
  input_format_parallel_parsing: 0,
  min_insert_block_size_rows: "1048576",
  min_insert_block_size_bytes: "1073741824",
  max_insert_block_size: "1048576",
  max_execution_time: 60,
} as const;
const OUTCOMES: Readonly<Record<string, "fenced" | "displaced" | "expired">> = {
  METERHOUSE_FENCED: "fenced",
  METERHOUSE_DISPLACED: "displaced",
  METERHOUSE_EXPIRED: "expired",
};
/** ClickHouse takes a parameter of at most 128 KiB; an id is 35 bytes of it. */
const LOOK_UP_IDS_MAX = 2_000;
const RECENT_ROW_BYTES = 1 + ID_BYTES + 8;
const RECENT_ROWS = 4096;

export function clickHouseUsageLog(client: ClickHouse, clock: Clock): UsageLog {
  return new ClickHouseUsageLog(client, clock);
}

class ClickHouseUsageLog implements UsageLog {
  private readonly client: ClickHouse;
  private readonly clock: Clock;
  private readonly queries = {
    append: loadQuery("usage_log_append"),
    newestOwners: loadQuery("usage_log_newest_owners"),
    endInserts: loadQuery("usage_log_end_inserts"),
    positions: loadQuery("usage_log_positions"),
    recentIds: loadQuery("usage_log_recent_ids"),
    lookUp: loadQuery("usage_log_look_up"),
  };

  constructor(client: ClickHouse, clock: Clock) {
    this.client = client;
    this.clock = clock;
  }

  async takeOver(partitions: readonly number[], owner: string): Promise<Ownership[]> {
    if (partitions.length === 0) return [];
    const epochs = new Map<number, number>();
    let losers = [...partitions];
    // two owners that bump at once get the same epoch; the greater name wins, and the other one tries again
    while (losers.length > 0) {
      const before = await this.newestOwners(losers);
      // never an epoch read back: that may be another owner's, which would then not count as newer
      for (const partition of losers) epochs.set(partition, (before.get(partition)?.epoch ?? 0) + 1);
      await this.client.insertRows(
        "partition_owner",
        losers.map((partition) => ({ kafka_partition: partition, epoch: epochs.get(partition), owner })),
      );
      const after = await this.newestOwners(losers);
      losers = losers.filter((partition) => after.get(partition)?.owner !== owner);
    }
    await this.client.command(this.queries.endInserts, { params: { partitions, name: "" } });
    const positions = await this.positions(partitions);
    return partitions.map((partition) => ({
      partition,
      epoch: epochs.get(partition) ?? 0,
      position: positions.get(partition),
    }));
  }

  async append(block: Block, guard: Guard): Promise<AppendResult> {
    const batches = [...block.partitions.values()];
    const rows = [...block.rows, ...closingRows(block, guard.epochs)];
    const stamp = { ingestDay: Math.floor(this.clock.nowMs() / DAY_MS) };
    const params = {
      partitions: batches.map(({ partition }) => partition),
      epochs: batches.map(({ partition }) => guard.epochs.get(partition) ?? 0),
      firsts: batches.map(({ firstOffset }) => firstOffset),
      owner: guard.owner,
      lease_until_ms: guard.leaseUntilMs,
    };
    const token = batches.map(
      ({ partition, firstOffset, lastOffset }) => `${partition}:${firstOffset}-${lastOffset}`,
    );
    try {
      await this.client.execInsert(this.queries.append, encodeNative(block, rows, stamp), {
        params,
        queryId: guard.name,
        settings: { ...INSERT_SETTINGS, insert_deduplication_token: token.join() },
      });
      return { outcome: "applied" };
    } catch (error) {
      if (!(error instanceof ClickHouseFailure) || error.kind === "fatal") throw error;
      const outcome = Object.entries(OUTCOMES).find(([word]) => error.message.includes(word))?.[1];
      if (error.kind === "rejected" && outcome !== undefined) return { outcome };
      return { outcome: "unknown", cause: `${error.code} ${error.message}` };
    }
  }

  async killInsert(name: string): Promise<void> {
    await this.client.command(this.queries.endInserts, { params: { partitions: [], name } });
  }

  async positions(partitions: readonly number[]): Promise<Map<number, number>> {
    const rows = await this.client.query<{ kafka_partition: number; position: string }>(
      this.queries.positions,
      {
        partitions,
      },
    );
    return new Map(rows.map((row) => [row.kafka_partition, Number(row.position)]));
  }

  async *recentIds(
    partition: number,
    { first, partitions }: Homes,
    fromHour: HourIndex,
  ): AsyncIterable<{ space: IdSpace; ids: readonly KnownId[] }> {
    // an event that ends on the hour has its home in the hour before the one its id names
    const params = { place: partition - first, partitions, from_hour_s: (fromHour - 1) * HOUR_S };
    let rest: Uint8Array = new Uint8Array(0);
    const count: IdCount = { found: 0, expected: undefined };
    for await (const chunk of this.client.unproven(this.queries.recentIds, { params })) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = Math.floor(bytes.length / RECENT_ROW_BYTES);
      yield* recentRows(bytes, whole, count);
      rest = bytes.slice(whole * RECENT_ROW_BYTES);
    }
    if (rest.length > 0 || count.found !== count.expected) {
      const message = `the answer has ${count.found} of ${count.expected ?? "an unknown number of"} ids`;
      throw new ClickHouseFailure("retriable", "INCOMPLETE", message);
    }
  }

  async lookUp(space: IdSpace, ids: readonly Uint8Array[]): Promise<FoundId[]> {
    const found: FoundId[] = [];
    for (let at = 0; at < ids.length; at += LOOK_UP_IDS_MAX) {
      const some = ids.slice(at, at + LOOK_UP_IDS_MAX);
      const rows = await this.client.query<{ id: string; low: string; upper: string }>(this.queries.lookUp, {
        kind: space,
        hours_s: [...new Set(some.flatMap(hoursOf))],
        ids: some.map((id) => Buffer.from(id).toString("hex")),
      });
      found.push(...rows.map(foundId));
    }
    return found;
  }

  async serverTimeMs(): Promise<number> {
    const [row] = await this.client.query<{ now_ms: string }>(
      "SELECT toUnixTimestamp64Milli(now64(3)) AS now_ms",
    );
    if (row === undefined) throw new ClickHouseFailure("retriable", "INCOMPLETE", "the server has no time");
    return Number(row.now_ms);
  }

  private async newestOwners(
    partitions: readonly number[],
  ): Promise<Map<number, { epoch: number; owner: string }>> {
    const rows = await this.client.query<{ kafka_partition: number; epoch: string; owner: string }>(
      this.queries.newestOwners,
      { partitions },
    );
    return new Map(rows.map((row) => [row.kafka_partition, { epoch: Number(row.epoch), owner: row.owner }]));
  }
}

/** Seconds of the hours in which the first copy of an id may lie: the id's own, or the one that ends at its time. */
function hoursOf(id: Uint8Array): number[] {
  const ms = idTimeMs(id, 0);
  const hour = hourOf(ms);
  return ms % HOUR_MS === 0 ? [hour, hour - HOUR_S] : [hour];
}

function foundId({ id, low, upper }: { id: string; low: string; upper: string }): FoundId {
  return { id: Buffer.from(id, "hex"), ...hashOfColumns(BigInt(low), BigInt(upper)) };
}

/** How many ids came, and how many the row of the count says. */
interface IdCount {
  found: number;
  expected: number | undefined;
}

const COUNT_KIND = 0;

/** Kind (Int8), id and payload hash, as RowBinary sends them. */
function* recentRows(
  bytes: Uint8Array,
  rows: number,
  count: IdCount,
): Iterable<{ space: IdSpace; ids: readonly KnownId[] }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let from = 0; from < rows; from += RECENT_ROWS) {
    const bySpace = new Map<IdSpace, KnownId[]>(ID_SPACES.map((space) => [space, []]));
    for (let row = from; row < Math.min(from + RECENT_ROWS, rows); row++) {
      const at = row * RECENT_ROW_BYTES;
      const low = view.getUint32(at + 1 + ID_BYTES, true);
      const high = view.getUint32(at + 5 + ID_BYTES, true);
      const kind = view.getUint8(at);
      if (kind === COUNT_KIND) {
        count.expected = high * 2 ** 32 + low;
        continue;
      }
      const space = bySpace.get(SPACE_OF_KIND[kind] as IdSpace);
      // the server's error, in the middle of the answer
      if (space === undefined)
        throw new ClickHouseFailure("retriable", "INCOMPLETE", "the answer breaks off");
      space.push({ id: bytes.subarray(at + 1, at + 1 + ID_BYTES), low, high });
      count.found += 1;
    }
    for (const [space, ids] of bySpace) if (ids.length > 0) yield { space, ids };
  }
}

const SPACE_OF_KIND: Readonly<Record<number, IdSpace>> = { 1: "event", 4: "void", 6: "totals" };
