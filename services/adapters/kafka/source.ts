// Records of a consumer group, partition by partition, from positions that the caller names. The narrow port that keeps
// kafkajs replaceable. What it guards against (each measured or read in kafkajs 2.2.4): positions never come from Kafka's
// committed offsets; a position outside the log, which kafkajs answers by jumping to the default offset, ends the process;
// heartbeats go on while the caller waits; the records of an assignment that is gone are not handed on; an error of the
// caller's, which kafkajs would retry for ever, ends the process; an outage of Kafka never does.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import type { RecordRun } from "../../domain/block/record-run.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";

import { BatchRun, firstOffset, portions } from "./batch-run.ts";
import { ALIVE, coordinatorRefusal } from "./client.ts";
import { isOfKafka, isOutage, isUnknownTopic, noTopic } from "./outage.ts";
import { requireHeld } from "./position-lost.ts";
import { refusalOf } from "./refusal.ts";
import { lastStableOffset } from "./whole-batches.ts";

export interface RecordHandlers {
  /** A new assignment: whatever was held of an older one is void. Answers the offset to read next, by partition. */
  assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /**
   * Records of one partition in order of offset. They, and their bytes, are valid until the promise is settled. They
   * cover the log up to the offset `through`; `end` is the offset after the partition's last record.
   */
  records(partition: number, run: RecordRun, through: number, end: number): Promise<void>;
  /** Where a partition ends, and how far it may be read: before `stable` no transaction is open. */
  heard?(partition: number, bounds: { readonly end: number; readonly stable: number }): void;
}

export interface RecordSource {
  /** Joins the group and hands on records until `stop`. Rejects on a fault that must end the process. */
  run(handlers: RecordHandlers): Promise<void>;
  /**
   * Starts the current assignment anew, as after a rebalance: `assigned` is called again. Only after the next sign from the
   * group's coordinator: a process that was away must not take back what the group has given to another.
   */
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
  /** Bytes of a record batch at most, once it is decompressed. */
  readonly batchBytesMax: number;
  /** How old may be what is known of the topic's partitions, milliseconds: those that are added are read after so long. */
  readonly metadataMsMax: number;
}

const HEARTBEATS_PER_SESSION = 6;
const FETCH_WAIT_MS = 500;
const STOP_MS_MAX = 5_000;
const REJOIN_PAUSE_MS = 1_000;

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
  /** Set while a restart waits for a sign from the coordinator. */
  private resume: (() => void) | undefined;
  private readonly next = new Map<number, number>();
  private commitOnce: EachBatchPayload["commitOffsetsIfNecessary"] | undefined;
  private heartbeatMs = 0;
  private isStopping = false;

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
      metadataMaxAge: options.metadataMsMax,
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
    consumer.on(consumer.events.HEARTBEAT, () => {
      this.sign();
      if (this.resume !== undefined) this.assign(this.assignment);
    });
    // after a crash nothing can be sought before the group is joined again
    consumer.on(consumer.events.STOP, () => this.revoke());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) void this.rejoin(payload.error);
    });
    await consumer.connect();
    await this.subscribe();
    await this.consume();
    await Promise.race([this.failed.promise, this.stopped.promise]);
  }

  restart(): void {
    this.revoke();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.resume = resolve;
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    const { topic } = this.options;
    const partitions = [...next]
      .filter(([partition]) => this.next.has(partition))
      .map(([partition, offset]) => ({ partition, offset: String(offset) }));
    try {
      // kafkajs' commitOffsets would retry for ever, also what another member owns by then
      if (partitions.length > 0) await this.commitOnce?.({ topics: [{ topic, partitions }] });
    } catch (error) {
      this.options.log.debug({ err: error }, "offsets for dashboards were not committed");
    }
  }

  lastHeartbeatMs(): number {
    return this.heartbeatMs;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.revoke();
    this.stopped.resolve();
    const { clock, log } = this.options;
    const tooLate = new AbortController();
    const left = this.consumer.disconnect().catch((error: unknown) => {
      log.debug({ err: error }, "the consumer group was not left in order");
    });
    // without Kafka the group cannot be left; the session's end does the same
    await Promise.race([left, clock.sleep(STOP_MS_MAX, tooLate.signal).catch(() => undefined)]);
    tooLate.abort();
  }

  private async subscribe(): Promise<void> {
    const { topic } = this.options;
    try {
      await this.consumer.subscribe({ topics: [topic], fromBeginning: true });
    } catch (error) {
      if (!isUnknownTopic(error)) throw refusalOf(error) ?? error;
      throw new Error(noTopic(topic));
    }
  }

  private consume(): Promise<void> {
    return this.consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) =>
        this.batch(payload).catch((error: unknown) => {
          if (!isOfKafka(error)) this.failed.reject(error);
          throw error;
        }),
    });
  }

  private async rejoin(error: Error): Promise<void> {
    const refused = refusalOf(error) ?? coordinatorRefusal(this.options.kafka);
    if (refused !== undefined || !isOutage(error)) return this.failed.reject(refused ?? error);
    await this.options.clock.sleep(REJOIN_PAUSE_MS);
    if (!this.isStopping) await this.consume().catch(this.failed.reject);
  }

  private sign(): void {
    this.heartbeatMs = this.options.clock.monotonicMs();
    this.options.kafka.logger().info(ALIVE);
  }

  private assign(partitions: readonly number[]): void {
    this.assignment = partitions;
    this.revoke();
    const { generation } = this;
    this.ready = this.position(partitions, generation).catch((error: unknown) => {
      if (generation === this.generation) this.failed.reject(error);
    });
    this.resume?.();
    this.resume = undefined;
  }

  /** From here on nothing of the assignment before is handed on. */
  private revoke(): void {
    this.generation++;
    this.next.clear();
  }

  private async position(partitions: readonly number[], generation: number): Promise<void> {
    const { kafka, topic } = this.options;
    const positions = await (this.handlers as RecordHandlers).assigned(partitions);
    if (generation !== this.generation) return;
    await requireHeld(kafka, topic, positions);
    if (generation !== this.generation) return;
    for (const [partition, offset] of positions) this.seek(partition, offset);
  }

  private seek(partition: number, offset: number): void {
    this.next.set(partition, offset);
    this.consumer.seek({ topic: this.options.topic, partition, offset: String(offset) });
  }

  private async batch(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, resolveOffset } = payload;
    const { partition } = batch;
    this.commitOnce = payload.commitOffsetsIfNecessary;
    await this.whenReady(heartbeat);
    const generation = this.generation;
    const next = this.next.get(partition);
    // a seek is waiting: this fetch began at an offset that nobody wants any more
    if (next === undefined || payload.isStale()) return;
    const end = Number(batch.highWatermark);
    // kafkajs keeps it, but does not declare it
    const { rawMessages } = batch as unknown as { rawMessages: readonly unknown[] };
    this.handlers?.heard?.(partition, { end, stable: lastStableOffset(rawMessages) ?? end });
    if (rawMessages.length === 0) return;
    // a damaged header may say more than the log holds
    const through = Math.min(Number(batch.lastOffset()), end - 1);
    if (firstOffset(batch.messages) > next || through < next) {
      // gaps are Kafka's own (compaction, transactions), unless kafkajs has jumped because the log does not hold `next`
      const { kafka, topic } = this.options;
      await this.beatWhile(requireHeld(kafka, topic, new Map([[partition, next]])), heartbeat);
      if (generation !== this.generation) return;
      if (through < next) return this.seek(partition, next);
    }
    for (const portion of portions(batch.messages)) {
      const isLast = portion.at(-1) === batch.messages.at(-1);
      const portionEnd = isLast ? through : Math.min(Number(portion.at(-1)?.offset), through);
      await this.hand(partition, portion, { through: portionEnd, end }, heartbeat);
      if (generation !== this.generation) return;
      this.next.set(partition, portionEnd + 1);
      resolveOffset(String(portionEnd));
      await nextTurn();
      await heartbeat();
    }
  }

  private hand(
    partition: number,
    messages: readonly KafkaMessage[],
    { through, end }: { through: number; end: number },
    heartbeat: () => Promise<void>,
  ): Promise<void> {
    const { batchBytesMax: bytesMax, clock } = this.options;
    const run = new BatchRun(messages, { bytesMax, nowMs: clock.nowMs(), offsetMax: end - 1 });
    const handed = (this.handlers as RecordHandlers).records(partition, run, through, end);
    return this.beatWhile(handed, heartbeat);
  }

  private async whenReady(heartbeat: () => Promise<void>): Promise<void> {
    for (let awaited: Promise<void> | undefined; awaited !== this.ready; ) {
      awaited = this.ready;
      await this.beatWhile(awaited, heartbeat);
    }
  }

  private async beatWhile(work: Promise<void>, heartbeat: () => Promise<void>): Promise<void> {
    const pauseMs = this.options.sessionTimeoutMs / HEARTBEATS_PER_SESSION;
    const done = new AbortController();
    // a failed heartbeat leaves this wait; what becomes of the work then is for the next assignment to find out
    const result = Promise.race([work, this.stopped.promise]).finally(() => done.abort());
    result.catch(this.failed.reject);
    while (!done.signal.aborted) {
      const pause = this.options.clock.sleep(pauseMs, done.signal).catch(() => undefined);
      await Promise.race([result, pause]);
      if (!done.signal.aborted) await heartbeat();
    }
    return result;
  }
}
