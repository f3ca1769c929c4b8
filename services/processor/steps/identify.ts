// Which generation of the topic the processor reads: the newest that usage_log knows, if Kafka's topic still is that.
import type { MisplacedRecords } from "../../domain/block/intake.ts";
import {
  currentGeneration,
  type Generation,
  type GenerationRow,
  LogIdentityError,
  logPartition,
  PARTITIONS_MAX,
  requireSameLog,
  type TopicIdentity,
} from "../../domain/log/generations.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { LogGenerations } from "../../domain/ports/log-generations.ts";
import type { UsageLog } from "../../domain/ports/usage-log.ts";
import type { Retry } from "../stream.ts";

export interface IdentifyParts {
  readonly generations: Pick<LogGenerations, "generations" | "begin">;
  readonly usageLog: Pick<UsageLog, "positions">;
  /** What Kafka has now. */
  readonly found: () => Promise<TopicIdentity>;
  readonly bounds: () => Promise<ReadonlyMap<number, { readonly low: number }>>;
  readonly retry: Retry;
  readonly log: Log;
  readonly owner: string;
  readonly misplaced: MisplacedRecords;
}

/** @throws LogIdentityError if usage_log goes on from another topic or cluster */
export async function identify(parts: IdentifyParts): Promise<Generation> {
  const found = await parts.found();
  if (found.partitions > PARTITIONS_MAX) {
    throw new Error(`${found.topic} has ${found.partitions} partitions, of at most ${PARTITIONS_MAX}.`);
  }
  const known = await current(parts);
  if (known === undefined) return begin(parts, await firstRow(parts, found));
  requireSameLog(known, found);
  const { number, identity } = known;
  if (found.partitions === identity.partitions) return known;
  if (parts.misplaced === "reject") {
    throw new LogIdentityError(
      `${found.topic} has ${found.partitions} partitions instead of ${identity.partitions}, so that records of before are in other ` +
        "partitions than their keys', which METERHOUSE_MISPLACED_RECORDS=reject would reject: set it to look_up.",
    );
  }
  // nothing was ever read of a partition that is new: what expired there before is a loss, which begins at 0
  const added = range(identity.partitions, found.partitions);
  return begin(parts, {
    ...found,
    generation: number,
    begins: new Map(added.map((partition) => [partition, 0])),
    reason: `partitions were added: ${found.partitions} instead of ${identity.partitions}`,
    begun_by: parts.owner,
  });
}

async function current({ generations, retry }: IdentifyParts): Promise<Generation | undefined> {
  return currentGeneration(await retry(() => generations.generations()));
}

async function begin(parts: IdentifyParts, row: GenerationRow): Promise<Generation> {
  await parts.retry(() => parts.generations.begin(row));
  parts.log.warn(
    { ...row, begins: Object.fromEntries(row.begins) },
    "usage_log goes on from this topic of Kafka from now on",
  );
  const known = await current(parts);
  if (known === undefined) throw new Error("log_generations does not have the row that was just written");
  return known;
}

/** The first generation of all, or of a log that was read before generations were kept. */
async function firstRow(parts: IdentifyParts, found: TopicIdentity): Promise<GenerationRow> {
  const partitions = range(0, found.partitions);
  const bounds = await parts.bounds();
  const positions = await parts.retry(() =>
    parts.usageLog.positions(partitions.map((partition) => logPartition(0, partition))),
  );
  const unread = partitions.filter((partition) => !positions.has(logPartition(0, partition)));
  return {
    ...found,
    generation: 0,
    begins: new Map(unread.map((partition) => [partition, bounds.get(partition)?.low ?? 0])),
    reason: positions.size === 0 ? "the first records" : "goes on from an earlier version",
    begun_by: parts.owner,
  };
}

const range = (from: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - from) }, (_, i) => from + i);
