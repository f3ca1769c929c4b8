// Kafka records -> read, validate, deduplicate, split over hours -> block -> late look-up -> usage_log -> position.
//
// One block fills while one is on its way; a third waits, as the source hands on no records until `records`
// has resolved.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordHandlers, RecordSource } from "../adapters/kafka/source.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import type { BlockRule } from "../adapters/metrics/owners.ts";
import type { Intake } from "../domain/block/intake.ts";
import type { RecordRun } from "../domain/block/record-run.ts";
import { kafkaPartition, logPartition } from "../domain/log/generations.ts";
import { OpenTransactions } from "./open-transactions.ts";
import { SealTimer } from "./seal-timer.ts";
import { type CommitParts, commit } from "./steps/commit.ts";
import { fill } from "./steps/fill.ts";
import { report } from "./steps/report.ts";
import { type LateParts, resolveLateRecords } from "./steps/resolve-late-records.ts";
import { type TakeOverParts, takeOver } from "./steps/take-over.ts";
import type { Assignment, SealedBlock } from "./stream.ts";
import { TakeoverQueue } from "./takeover-queue.ts";

/** What the steps need, and what they leave to the pipeline. */
export type PipelineParts = TakeOverParts & LateParts & CommitParts & OwnParts;

interface OwnParts {
  readonly intake: Intake;
  /** flush_ms: the longest time a record waits in a block, milliseconds. */
  readonly limits: { readonly flush_ms: number };
  readonly source: Pick<RecordSource, "restart" | "commit">;
  readonly metrics: Metrics;
  /** An error that nobody expected: ends the process. */
  readonly fail: (error: unknown) => void;
}

export class Pipeline implements RecordHandlers {
  private readonly parts: PipelineParts;
  private readonly takeovers = new TakeoverQueue();
  private readonly timer: SealTimer;
  private readonly openTransactions: OpenTransactions;
  private assignment: Assignment | undefined;
  /** The block on its way to usage_log. */
  private inFlight: Promise<void> = Promise.resolve();
  private currentSeal: Promise<void> | undefined;
  private isClosing = false;

  constructor(parts: PipelineParts) {
    this.parts = parts;
    this.openTransactions = new OpenTransactions(parts);
    this.timer = new SealTimer(parts.clock, parts.limits.flush_ms, () => void this.seal());
  }

  async assigned(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    this.assignment = undefined;
    const isNewest = this.takeovers.enter();
    const assignment = await this.takeovers.run(() => takeOver(this.parts, partitions, isNewest));
    if (assignment === undefined || !isNewest()) return new Map();
    this.assignment = assignment;
    return kafkaOffsets(assignment.next);
  }

  async records(kafkaPartition: number, run: RecordRun, through: number, end: number): Promise<void> {
    // records of an assignment that ends while they wait must not get into the next one's block
    const { assignment, parts } = this;
    if (assignment === undefined) return;
    const isOver = (): boolean => this.isClosing || this.assignment !== assignment;
    const partition = logPartition(assignment.generation, kafkaPartition);
    assignment.ends.set(partition, end);
    while (!isOver()) {
      const state = fill(parts.intake, assignment, partition, run, through);
      if (state === "end") break;
      await (state === "full" ? this.seal() : nextTurn());
    }
    if (!isOver()) this.timer.start();
  }

  heard(kafkaPartition: number, bounds: { readonly end: number; readonly stable: number }): void {
    const { assignment, parts } = this;
    if (assignment === undefined) return;
    const partition = logPartition(assignment.generation, kafkaPartition);
    assignment.ends.set(partition, bounds.end);
    this.openTransactions.heard(partition, bounds);
    // a partition that brings no records has no block to report it
    const next = assignment.next.get(partition);
    if (next === undefined || bounds.stable > next) return;
    parts.metrics.consumer_lag.set({ partition: String(partition) }, Math.max(0, bounds.end - next));
  }

  /** Takes no more records, writes what is waiting, and resolves once it is in the log or given up. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.takeovers.close();
    await this.currentSeal;
    await this.seal();
    await this.inFlight;
  }

  /** One seal at a time: whoever asks meanwhile waits for the same one. */
  private seal(): Promise<void> {
    this.currentSeal ??= this.sealBlock().finally(() => {
      this.currentSeal = undefined;
    });
    return this.currentSeal;
  }

  /** Waits until the block before is in the log, and sends the open one on its way. */
  private async sealBlock(): Promise<void> {
    await this.inFlight;
    const { assignment } = this;
    if (assignment === undefined || assignment.openBlock.isEmpty) return;
    this.timer.stop();
    const { patience, fail } = this.parts;
    this.inFlight = this.write(assignment, assignment.nextBlock()).catch((error: unknown) => {
      if (!patience.aborted || error !== patience.reason) fail(error);
    });
  }

  private async write(assignment: Assignment, sealed: SealedBlock): Promise<void> {
    const { parts } = this;
    const { block } = sealed;
    const startedMs = parts.clock.monotonicMs();
    const isCurrent = (): boolean => this.assignment === assignment && !parts.patience.aborted;
    await resolveLateRecords(parts, sealed);
    const result = await commit(parts, assignment, block, isCurrent);
    if (result.result === "committed") {
      report(parts, assignment, block, parts.clock.monotonicMs() - startedMs);
      const batches = [...block.partitions.values()];
      const ends = batches.map(({ partition, lastOffset }) => [partition, lastOffset + 1] as const);
      void parts.source.commit(kafkaOffsets(new Map(ends)));
      block.clear();
    } else if (isCurrent()) {
      this.startAgain(result.rule);
    }
  }

  /** A block was refused: everything held is void, and the source calls `assigned` again. */
  private startAgain(rule: BlockRule): void {
    const { metrics, log, source } = this.parts;
    this.assignment = undefined;
    metrics.fenced_inserts.inc({ rule });
    metrics.stream_restarts.inc({ reason: rule });
    log.warn({ rule }, "a block was refused; starting from usage_log's position");
    source.restart();
  }
}

/** By Kafka's partition what is by usage_log's. */
function kafkaOffsets(offsets: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...offsets].map(([partition, offset]) => [kafkaPartition(partition), offset]));
}
