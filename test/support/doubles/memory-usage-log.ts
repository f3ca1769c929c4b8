// usage_log without a server, for tests of the processor: the same guard, the same answers, and on demand the answers that a
// server gives when the network between is bad. The contract suite holds it to what ClickHouse does.

import type { Block } from "../../../services/domain/block/block.ts";
import { closingRows } from "../../../services/domain/block/other-rows.ts";
import { type Homes, homeOf } from "../../../services/domain/dedupe/home.ts";
import type { FoundId } from "../../../services/domain/dedupe/known-ids.ts";
import type { IdSpace } from "../../../services/domain/dedupe/memory.ts";
import { idTimeMs } from "../../../services/domain/event/id.ts";
import { hashOfColumns } from "../../../services/domain/event/payload-hash.ts";
import type { Clock } from "../../../services/domain/ports/clock.ts";
import type { AppendResult, Guard, Ownership, UsageLog } from "../../../services/domain/ports/usage-log.ts";
import { HOUR_MS } from "../../../services/domain/time/hour.ts";
import { type PlainRow, plainRows } from "./plain-rows.ts";

const DAY_MS = 24 * HOUR_MS;
const HOUR_S = HOUR_MS / 1000;

/**
 * What becomes of an insert that gets no answer. lost_request: it never arrives. lost_answer: it is carried out at once.
 * late_request: it arrives when `arrive` is called, unless `killInsert` or `takeOver` has ended it.
 */
export type LostInsert = "lost_request" | "lost_answer" | "late_request";

interface Owner {
  readonly epoch: number;
  readonly owner: string;
}

interface Insert {
  readonly guard: Guard;
  /** First offset by partition. */
  readonly firsts: ReadonlyMap<number, number>;
  readonly rows: readonly PlainRow[];
}

export class MemoryUsageLog implements UsageLog {
  /** Every row that was committed, oldest first. */
  readonly rows: PlainRow[] = [];
  private readonly clock: Clock;
  private readonly owners = new Map<number, Owner>();
  private readonly losses: LostInsert[] = [];
  private onTheWay: Insert[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** What becomes of the next inserts, one after the other; inserts after them get their answers. */
  loseInserts(...losses: readonly LostInsert[]): void {
    this.losses.push(...losses);
  }

  /** Lets late requests arrive, and answers what became of each. */
  arrive(): AppendResult[] {
    return this.onTheWay.splice(0).map((insert) => this.carryOut(insert));
  }

  async takeOver(partitions: readonly number[], owner: string): Promise<Ownership[]> {
    for (const partition of partitions) {
      const epoch = (this.owners.get(partition)?.epoch ?? 0) + 1;
      this.owners.set(partition, { epoch, owner });
    }
    this.onTheWay = this.onTheWay.filter(
      ({ firsts }) => !partitions.some((partition) => firsts.has(partition)),
    );
    const positions = await this.positions(partitions);
    return partitions.map((partition) => ({
      partition,
      epoch: this.owners.get(partition)?.epoch ?? 0,
      position: positions.get(partition),
    }));
  }

  async append(block: Block, guard: Guard): Promise<AppendResult> {
    const insert = {
      guard: { ...guard, epochs: new Map(guard.epochs) },
      firsts: new Map([...block.partitions].map(([partition, { firstOffset }]) => [partition, firstOffset])),
      rows: plainRows(
        block,
        [...block.rows, ...closingRows(block, guard.epochs)],
        Math.floor(this.clock.nowMs() / DAY_MS),
      ),
    };
    const loss = this.losses.shift();
    if (loss === undefined) return this.carryOut(insert);
    if (loss === "lost_answer") this.carryOut(insert);
    if (loss === "late_request") this.onTheWay.push(insert);
    return { outcome: "unknown", cause: loss };
  }

  async killInsert(name: string): Promise<void> {
    this.onTheWay = this.onTheWay.filter(({ guard }) => guard.name !== name);
  }

  async positions(partitions: readonly number[]): Promise<Map<number, number>> {
    return new Map(
      partitions.flatMap((partition) => {
        const position = this.position(partition);
        return position === undefined ? [] : [[partition, position] as const];
      }),
    );
  }

  async *recentIds(
    partition: number,
    homes: Homes,
    fromHour: number,
  ): AsyncIterable<{ space: IdSpace; ids: readonly FoundId[] }> {
    for (const space of ["event", "totals", "void"] as const) {
      const ids = this.homes(space)
        .filter(
          (row) =>
            homeOf(Buffer.from(row.event_id as string, "hex"), 0, homes) === partition &&
            Number(row.hour) >= (fromHour - 1) * HOUR_S,
        )
        .map(foundId);
      if (ids.length > 0) yield { space, ids };
    }
  }

  async lookUp(space: IdSpace, ids: readonly Uint8Array[]): Promise<FoundId[]> {
    const homes = Map.groupBy(this.homes(space), ({ event_id }) => event_id);
    const names = new Set(ids.map((id) => Buffer.from(id).toString("hex")));
    return [...names].flatMap((name) => {
      const hours = hoursOf(Buffer.from(name, "hex"));
      const [first] = (homes.get(name) ?? []).filter(({ hour }) => hours.includes(Number(hour)));
      return first === undefined ? [] : [foundId(first)];
    });
  }

  async serverTimeMs(): Promise<number> {
    return this.clock.nowMs();
  }

  private carryOut({ guard, firsts, rows }: Insert): AppendResult {
    for (const partition of firsts.keys()) {
      const newest = this.owners.get(partition);
      const epoch = guard.epochs.get(partition) ?? 0;
      if (newest !== undefined && isNewer(newest, { epoch, owner: guard.owner }))
        return { outcome: "fenced" };
    }
    for (const [partition, first] of firsts) {
      const position = this.position(partition);
      if (position !== undefined && position !== first) return { outcome: "displaced" };
    }
    if (this.clock.nowMs() > guard.leaseUntilMs) return { outcome: "expired" };
    this.rows.push(...rows);
    return { outcome: "applied" };
  }

  private position(partition: number): number | undefined {
    const ends = this.rows
      .filter((row) => row.kind === "batch" && row.kafka_partition === partition)
      .map((row) => Number(row.kafka_offset) + 1);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  private homes(space: IdSpace): PlainRow[] {
    return this.rows
      .filter((row) => row.kind === space && row.home === 1)
      .sort(
        (a, b) =>
          Number(a.ingested_at) - Number(b.ingested_at) ||
          Number(a.kafka_partition) - Number(b.kafka_partition) ||
          Number(a.kafka_offset) - Number(b.kafka_offset),
      );
  }
}

const isNewer = (a: Owner, b: Owner): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.owner > b.owner);

/** The id's own hour and, for an event that ends on the hour, the one before. */
function hoursOf(id: Uint8Array): number[] {
  const ms = idTimeMs(id, 0);
  const hour = Math.floor(ms / HOUR_MS) * HOUR_S;
  return ms % HOUR_MS === 0 ? [hour, hour - HOUR_S] : [hour];
}

function foundId({ event_id, payload_hash, payload_hash_high }: PlainRow): FoundId {
  return {
    id: Buffer.from(event_id as string, "hex"),
    ...hashOfColumns(payload_hash as bigint, payload_hash_high as bigint),
  };
}
