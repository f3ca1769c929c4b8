// Kafka records -> read, validate, deduplicate, split over hours -> block -> late look-up -> usage_log -> position.
//
// One block fills while one is on its way; a third waits by not being asked for: the source hands on no records until
// `records` has resolved.
import type { RecordHandlers, RecordSource } from "../adapters/kafka/source.ts";
import type { Block } from "../domain/block/block.ts";
import { commit } from "./steps/commit.ts";
import { fill } from "./steps/fill.ts";
import { report } from "./steps/report.ts";
import { type LowOffsets, takeOver } from "./steps/take-over.ts";
import type { Assignment, StreamParts } from "./stream.ts";

export interface Pipeline extends RecordHandlers {
  /** Writes what is waiting, and resolves once it is in the log or lost to another owner. */
  flush(): Promise<void>;
}

export interface PipelineParts extends StreamParts {
  readonly source: Pick<RecordSource, "restart" | "commit" | "lastHeartbeatMs">;
  readonly lowOffsets: LowOffsets;
  /** An error that nobody expected: ends the process. */
  readonly fail: (error: unknown) => void;
}

export function createPipeline(parts: PipelineParts): Pipeline {
  let current: Assignment | undefined;
  let inFlight: Promise<void> = Promise.resolve();
  let sealing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function write(assignment: Assignment, block: Block, late: Assignment["late"]): Promise<void> {
    const isCurrent = (): boolean => current === assignment;
    const started = parts.clock.monotonicMs();
    const { lastHeartbeatMs } = parts.source;
    const context = { isCurrent, lastHeartbeatMs: () => lastHeartbeatMs.call(parts.source) };
    const result = await commit(parts, assignment, { block, late }, context);
    if (result.result === "committed") {
      report(parts, assignment, block, parts.clock.monotonicMs() - started);
      void parts.source.commit(
        new Map(
          [...block.partitions.values()].map(({ partition, lastOffset }) => [partition, lastOffset + 1]),
        ),
      );
      block.clear();
    } else if (isCurrent()) {
      parts.metrics.fenced_inserts.inc({ rule: result.rule });
      parts.metrics.stream_restarts.inc({ reason: result.rule });
      parts.log.warn({ rule: result.rule }, "a block was refused; starting from usage_log's position");
      parts.source.restart();
    }
  }

  async function seal(): Promise<void> {
    await inFlight;
    const assignment = current;
    if (assignment === undefined || assignment.filling.isEmpty) return;
    clearTimeout(timer);
    timer = undefined;
    const { filling, late, spare } = assignment;
    assignment.filling = spare;
    assignment.spare = filling;
    assignment.late = [];
    inFlight = write(assignment, filling, late).catch(parts.fail);
  }

  function sealOnce(): Promise<void> {
    sealing ??= seal().finally(() => {
      sealing = undefined;
    });
    return sealing;
  }

  return {
    async assigned(partitions) {
      current = undefined;
      const assignment = await takeOver(parts, partitions, parts.lowOffsets);
      current = assignment;
      return assignment.next;
    },

    async records(partition, run, through, end) {
      // records of an assignment that ends while they wait must not get into the next one's block
      const assignment = current;
      if (assignment === undefined) return;
      assignment.ends.set(partition, end);
      while (current === assignment && !fill(parts, assignment, partition, run, through)) await sealOnce();
      timer ??= setTimeout(() => void sealOnce(), parts.limits.flush_ms);
    },

    async flush() {
      await sealOnce();
      await inFlight;
    },
  };
}
