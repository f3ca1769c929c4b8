// Kafka records -> read, validate, deduplicate, split over hours -> block -> late look-up -> usage_log -> position.
//
// One block fills while one is on its way; a third waits by not being asked for: the source hands on no records until
// `records` has resolved.
import type { RecordHandlers, RecordSource } from "../adapters/kafka/source.ts";
import type { Block } from "../domain/block/block.ts";
import { commit } from "./steps/commit.ts";
import { fill } from "./steps/fill.ts";
import { report } from "./steps/report.ts";
import { takeOver } from "./steps/take-over.ts";
import type { Assignment, StreamParts } from "./stream.ts";

export interface Pipeline extends RecordHandlers {
  /** Takes no more records, writes what is waiting, and resolves once it is in the log or given up. */
  close(): Promise<void>;
}

export interface PipelineParts extends StreamParts {
  readonly source: Pick<RecordSource, "restart" | "commit" | "lastHeartbeatMs">;
  /** Aborted when the process may wait no longer. What is not in the log by then is read again by the next owner. */
  readonly patience: AbortSignal;
  /** An error that nobody expected: ends the process. */
  readonly fail: (error: unknown) => void;
}

export function createPipeline(parts: PipelineParts): Pipeline {
  const { clock, patience, source } = parts;
  let current: Assignment | undefined;
  let assignments = 0;
  let takeovers: Promise<unknown> = Promise.resolve();
  let inFlight: Promise<void> = Promise.resolve();
  let sealing: Promise<void> | undefined;
  let timer: AbortController | undefined;
  let isClosing = false;

  async function write(assignment: Assignment, block: Block, late: Assignment["late"]): Promise<void> {
    const started = clock.monotonicMs();
    const context = {
      isCurrent: () => current === assignment && !patience.aborted,
      lastHeartbeatMs: () => source.lastHeartbeatMs(),
    };
    const result = await commit(parts, assignment, { block, late }, context);
    if (result.result === "committed") {
      report(parts, assignment, block, clock.monotonicMs() - started);
      const { partitions } = block;
      void source.commit(new Map([...partitions.values()].map((it) => [it.partition, it.lastOffset + 1])));
      block.clear();
    } else if (context.isCurrent()) {
      current = undefined;
      parts.metrics.fenced_inserts.inc({ rule: result.rule });
      parts.metrics.stream_restarts.inc({ reason: result.rule });
      parts.log.warn({ rule: result.rule }, "a block was refused; starting from usage_log's position");
      source.restart();
    }
  }

  async function seal(): Promise<void> {
    await inFlight;
    const assignment = current;
    if (assignment === undefined || assignment.filling.isEmpty) return;
    timer?.abort();
    timer = undefined;
    const { filling, late } = assignment.nextBlock();
    inFlight = write(assignment, filling, late).catch((error: unknown) => {
      if (!patience.aborted || error !== patience.reason) parts.fail(error);
    });
  }

  function sealOnce(): Promise<void> {
    sealing ??= seal().finally(() => {
      sealing = undefined;
    });
    return sealing;
  }

  function sealInTime(): void {
    if (timer !== undefined) return;
    timer = new AbortController();
    clock.sleep(parts.limits.flush_ms, timer.signal).then(
      () => {
        timer = undefined;
        void sealOnce();
      },
      () => undefined,
    );
  }

  return {
    async assigned(partitions) {
      current = undefined;
      const number = ++assignments;
      const isNewest = (): boolean => number === assignments && !isClosing;
      // one after the other: an older takeover that goes on for longer would take away what others own by now
      const taken = takeovers.then(() => takeOver(parts, partitions, isNewest));
      takeovers = taken.catch(() => undefined);
      const assignment = await taken;
      if (assignment === undefined || !isNewest()) return new Map();
      current = assignment;
      return assignment.next;
    },

    async records(partition, run, through, end) {
      // records of an assignment that ends while they wait must not get into the next one's block
      const assignment = current;
      if (assignment === undefined) return;
      const isOver = (): boolean => isClosing || current !== assignment;
      assignment.ends.set(partition, end);
      while (!isOver() && !fill(parts, assignment, partition, run, through)) await sealOnce();
      if (!isOver()) sealInTime();
    },

    async close() {
      isClosing = true;
      await sealing;
      await sealOnce();
      await inFlight;
    },
  };
}
