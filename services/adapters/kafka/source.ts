// Records of a consumer group, partition by partition, from positions that the caller names. The narrow port that keeps
// kafkajs replaceable. What it guards against (each measured or read in kafkajs 2.2.4): positions never come from Kafka's
// committed offsets; a fetch outside the log, which kafkajs answers by jumping to the default offset, ends the process;
// heartbeats go on while the caller waits; the records of an assignment that is gone are not handed on.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import type { RecordRun } from "../../domain/block/record-run.ts";
import type { Clock } from "../clock/clock.ts";
import type { Log } from "../log/log.ts";
import { BatchRun } from "./batch-run.ts";
import type { WholeBatch } from "./whole-batches.ts";

export interface RecordHandlers {
  /** A new assignment: whatever was held of an older one is void. Answers the offset to read next, by partition. */
  assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /**
   * Records of one partition in order of offset. They, and their bytes, are valid until the promise is settled. They
   * cover the log up to the offset `through`; `end` is the offset after the partition's last record.
   */
  records(partition: number, run: RecordRun, through: number, end: number): Promise<void>;
}

export interface RecordSource {
  /** Joins the group and hands on records until `stop`. Rejects on a fault that must end the process. */
  run(handlers: RecordHandlers): Promise<void>;
  /** Starts the current assignment anew, as after a rebalance: `assigned` is called again. */
  restart(): void;
  /** Commits offsets for lag dashboards; failures are of no consequence. */
  commit(next: ReadonlyMap<number, number>): Promise<void>;
  /** Milliseconds on the monotonic clock of the last sign from the group's coordinator. */
  lastHeartbeatMs(): number;
  stop(): Promise<void>;
}

export interface KafkaSourceOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly groupId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly sessionTimeoutMs: number;
  readonly fetchBytesMax: number;
  readonly fetchBytesMaxPerPartition: number;
}

const HEARTBEATS_PER_SESSION = 6;
const FETCH_WAIT_MS = 500;

/** The log of Kafka no longer, or not yet, holds the position: records are lost or the topic is another one. */
export class PositionLostError extends Error {
  constructor(topic: string, partition: number, position: number, low: number, high: number) {
    super(
      `Partition ${partition} of ${topic} holds offsets ${low} to ${high}, but usage_log goes on at ${position}. ` +
        (position < low
          ? "Records expired before they were read: restore them, or accept the loss by a new topic."
          : "The topic was made anew: use a new topic name and a new usage_log."),
    );
    this.name = "PositionLostError";
  }
}

export class KafkaSource implements RecordSource {
  private readonly options: KafkaSourceOptions;
  private readonly consumer: Consumer;
  private readonly failed = Promise.withResolvers<never>();
  private readonly stopped = Promise.withResolvers<void>();
  private handlers: RecordHandlers | undefined;
  private assignment: readonly number[] = [];
  private generation = 0;
  /** Settled once the current assignment's positions are known. */
  private ready: Promise<void> = Promise.resolve();
  private readonly next = new Map<number, number>();
  private heartbeatMs = 0;

  constructor(options: KafkaSourceOptions) {
    this.options = options;
    this.consumer = options.kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.sessionTimeoutMs * 2,
      heartbeatInterval: Math.floor(options.sessionTimeoutMs / HEARTBEATS_PER_SESSION),
      maxBytes: options.fetchBytesMax,
      maxBytesPerPartition: options.fetchBytesMaxPerPartition,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
    });
    // a fault before anybody waits for it must not count as unhandled
    this.failed.promise.catch(() => undefined);
  }

  async run(handlers: RecordHandlers): Promise<void> {
    this.handlers = handlers;
    const { consumer } = this;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.sign();
      this.assign(payload.memberAssignment[this.options.topic] ?? []);
    });
    consumer.on(consumer.events.HEARTBEAT, () => this.sign());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) this.failed.reject(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [this.options.topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.batch(payload),
    });
    await Promise.race([this.failed.promise, this.stopped.promise]);
  }

  restart(): void {
    this.assign(this.assignment);
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    const { topic } = this.options;
    try {
      await this.consumer.commitOffsets(
        [...next].map(([partition, offset]) => ({ topic, partition, offset: String(offset) })),
      );
    } catch (error) {
      this.options.log.debug({ err: error }, "offsets for dashboards were not committed");
    }
  }

  lastHeartbeatMs(): number {
    return this.heartbeatMs;
  }

  async stop(): Promise<void> {
    this.generation++;
    this.stopped.resolve();
    await this.consumer.disconnect();
  }

  private sign(): void {
    this.heartbeatMs = this.options.clock.monotonicMs();
  }

  private assign(partitions: readonly number[]): void {
    this.assignment = partitions;
    this.next.clear();
    const generation = ++this.generation;
    this.ready = this.position(partitions, generation).catch((error: unknown) => {
      if (generation === this.generation) this.failed.reject(error);
    });
  }

  private async position(partitions: readonly number[], generation: number): Promise<void> {
    const positions = await (this.handlers as RecordHandlers).assigned(partitions);
    if (generation !== this.generation) return;
    for (const [partition, offset] of positions) {
      this.next.set(partition, offset);
      this.consumer.seek({ topic: this.options.topic, partition, offset: String(offset) });
    }
  }

  private async batch(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, resolveOffset } = payload;
    const { partition } = batch;
    await this.beatWhile(this.ready, heartbeat);
    const generation = this.generation;
    const next = this.next.get(partition);
    // a seek is waiting: this fetch began at an offset that nobody asked for
    if (next === undefined || payload.isStale()) return;
    const through = Number(batch.lastOffset());
    if (through < next) return;
    const start = (batch.messages[0]?.attributes as unknown as WholeBatch).firstOffset;
    if (start > next) await this.checkGap(partition, next);
    const run = new BatchRun(batch.messages);
    const handed = (this.handlers as RecordHandlers).records(
      partition,
      run,
      through,
      Number(batch.highWatermark),
    );
    await this.beatWhile(handed, heartbeat);
    if (generation !== this.generation) return;
    this.next.set(partition, through + 1);
    resolveOffset(batch.lastOffset());
    await nextTurn();
    await heartbeat();
  }

  /** Gaps are Kafka's own (compaction, transaction markers) unless the log's start has moved past the position. */
  private async checkGap(partition: number, position: number): Promise<void> {
    const marks = await watermarks(this.options.kafka, this.options.topic);
    const { low, high } = marks.get(partition) ?? { low: 0, high: 0 };
    if (position < low) {
      const error = new PositionLostError(this.options.topic, partition, position, low, high);
      this.failed.reject(error);
      throw error;
    }
  }

  private async beatWhile<T>(work: Promise<T>, heartbeat: () => Promise<void>): Promise<T> {
    const pauseMs = this.options.sessionTimeoutMs / HEARTBEATS_PER_SESSION;
    const done = new AbortController();
    const result = work.finally(() => done.abort());
    // a failed heartbeat leaves this wait; what becomes of the work then is for the next assignment to find out
    result.catch(() => undefined);
    while (!done.signal.aborted) {
      const pause = this.options.clock.sleep(pauseMs, done.signal).catch(() => undefined);
      await Promise.race([result, pause]);
      if (!done.signal.aborted) await heartbeat();
    }
    return result;
  }
}

/** First offset held and offset after the last one, by partition. */
export async function watermarks(
  kafka: Kafka,
  topic: string,
): Promise<Map<number, { low: number; high: number }>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    return new Map(
      offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]),
    );
  } finally {
    await admin.disconnect();
  }
}
