// Which log of Kafka the positions of usage_log are of. An offset means something only in one topic of one cluster: the same
// offsets come again in another, so another is another generation, with partitions of its own in usage_log.

/** What Kafka says of a topic. Ids do not come again: a topic made anew under its name has another one (KIP-516). */
export interface TopicIdentity {
  readonly cluster_id: string;
  /** 32 hexadecimal digits; empty where the broker is older than topic ids (Kafka 2.8). */
  readonly topic_id: string;
  readonly topic: string;
  readonly partitions: number;
}

/** A row of the log of generations: the begin of one, or partitions that one was given later. */
export interface GenerationRow extends TopicIdentity {
  /** 0, 1, 2 … */
  readonly generation: number;
  /** By Kafka's partition, the first offset that is read. */
  readonly begins: ReadonlyMap<number, number>;
  readonly reason: string;
  readonly begun_by: string;
}

export interface Generation {
  readonly number: number;
  readonly identity: TopicIdentity;
  readonly begins: ReadonlyMap<number, number>;
}

/** An accepted loss: offsets [from_offset, to_offset) of a partition that no longer are in Kafka and were never read. */
export interface LogGap {
  /** Partition of usage_log. */
  readonly kafka_partition: number;
  readonly from_offset: number;
  readonly to_offset: number;
  readonly reason: string;
  readonly accepted_by: string;
}

/** Partitions of a topic at most: usage_log numbers partition p of generation g as 1024 g + p. */
export const PARTITIONS_MAX = 1_024;
/** What UInt16 leaves. */
export const GENERATIONS_MAX = 64;

/** Partition of usage_log: generation 0 has Kafka's own numbers. */
export const logPartition = (generation: number, kafkaPartition: number): number =>
  generation * PARTITIONS_MAX + kafkaPartition;

export const kafkaPartition = (partition: number): number => partition % PARTITIONS_MAX;

/** The newest generation; undefined if nothing was ever read. @param rows in the order of generations and then of time */
export function currentGeneration(rows: readonly GenerationRow[]): Generation | undefined {
  const newest = rows.at(-1)?.generation;
  const own = rows.filter(({ generation }) => generation === newest);
  const [first] = own;
  if (first === undefined) return undefined;
  const begins = new Map<number, number>();
  // of two processes that wrote the same row at once, the first one stands
  for (const row of own) {
    for (const [partition, offset] of row.begins) {
      if (!begins.has(partition)) begins.set(partition, offset);
    }
  }
  const partitions = own.reduce((most, row) => Math.max(most, row.partitions), 0);
  const { cluster_id, topic_id, topic } = first;
  return { number: first.generation, identity: { cluster_id, topic_id, topic, partitions }, begins };
}

/** Why positions of a generation mean nothing in what Kafka has now, and what to do; undefined if they do. */
export function identityFault(
  { number, identity: known }: Generation,
  found: TopicIdentity,
): string | undefined {
  const isSameId = known.topic_id === "" || found.topic_id === "" || known.topic_id === found.topic_id;
  const isSame = known.cluster_id === found.cluster_id && known.topic === found.topic && isSameId;
  if (isSame && found.partitions >= known.partitions) return undefined;
  return (
    `usage_log goes on from ${named(known)}, its generation ${number}, but Kafka has ${named(found)}. ` +
    "Correct METERHOUSE_KAFKA_BROKERS or METERHOUSE_TOPIC; or, if the old one is gone for good, " +
    "begin a new generation: meterhouse topic generation --reason TEXT."
  );
}

function named({ cluster_id, topic_id, topic, partitions }: TopicIdentity): string {
  const id = topic_id === "" ? "" : `, id ${topic_id}`;
  return `topic ${topic}${id}, of ${partitions} partitions, in cluster ${cluster_id}`;
}

/** Another cluster or topic than the one that usage_log goes on from. Nothing may be read or closed by its offsets. */
export class LogIdentityError extends Error {
  constructor(fault: string) {
    super(fault);
    this.name = "LogIdentityError";
  }
}

/** @throws LogIdentityError if its positions mean nothing in what Kafka has */
export function requireSameLog(generation: Generation, found: TopicIdentity): void {
  const fault = identityFault(generation, found);
  if (fault !== undefined) throw new LogIdentityError(fault);
}

/** Why a gap cannot be accepted; undefined if it is exactly what is lost. */
export function gapFault(
  gap: Pick<LogGap, "from_offset" | "to_offset">,
  { position, low }: { readonly position: number; readonly low: number },
): string | undefined {
  if (low <= position) {
    return `nothing is lost: usage_log goes on at ${position}, and Kafka holds records from ${low} on`;
  }
  if (gap.from_offset === position && gap.to_offset === low) return undefined;
  return `what is lost are the offsets from ${position} to ${low} (not included): name exactly these`;
}
