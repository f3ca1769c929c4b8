import { LeaderBusyError, StaleLeaderError } from "../adapters/clickhouse/leader.ts";
import { storeReason } from "../adapters/clickhouse/store-reason.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import { dueTimes } from "../adapters/schedule/due.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Documents, WrittenDocument } from "../domain/ports/documents.ts";
import type { Lease } from "../domain/ports/leases.ts";
import type { Log } from "../domain/ports/log.ts";
import { DAY_MS } from "../domain/time/hour.ts";

/** One run of a job. */
export interface JobTurn {
  /** When it was due, milliseconds since 1970; it may be long ago. */
  readonly due: number;
  /** Aborted when the process stops or somebody else leads. */
  readonly signal: AbortSignal;
  readonly lease: Lease;
}

export interface Job {
  readonly name: string;
  /** Cron expression, UTC. */
  readonly schedule: string;
  /**
   * What is done for times that were due while no leader ran. each: a run for each of them, oldest first, as each makes
   * something of its own. newest: one run, as it puts right whatever it finds.
   */
  readonly catchUp: "each" | "newest";
  /** Running it again for the same time must change nothing. Resolves with what came of it, in a sentence. */
  readonly run: (turn: JobTurn) => Promise<string>;
}

/** What is stored of the newest completed run of a job. */
export interface JobRun {
  readonly due: string;
  readonly outcome: string;
  readonly started_at: string;
  readonly ended_at: string;
}

export interface JobRunner {
  readonly documents: Documents;
  /** Leads while `work` runs, with the lease renewed; throws LeaderBusyError if somebody else leads. */
  readonly lead: <T>(work: (lease: Lease, signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Who ran it, as its documents say. */
  readonly owner: string;
  /** Whether an error only means that something is away for now. */
  readonly isRetriable: (error: unknown) => boolean;
}

/** Runs of one job in one turn; what is left is done in the next turns. */
const RUNS_MAX = 100;
/** A job that never ran is due since its newest time; one that pauses longer than this starts anew. */
const LOOK_BACK_MS = 400 * DAY_MS;

/**
 * Makes the turn that is to be taken every minute: it runs what is due and not done. One turn at a time. A job that fails
 * stays due, so the next turn tries again; its failure is logged once, until it succeeds, and the other jobs go on.
 */
export function createJobs(deps: JobRunner, jobs: readonly Job[]): (signal: AbortSignal) => Promise<void> {
  const lastErrors = new Map<string, string>();
  const doneUntil = new Map<string, number>();
  return async (signal) => {
    const isDue = (job: Job) => newestDue(job, deps.clock.nowMs()) > (doneUntil.get(job.name) ?? -1);
    if (!jobs.some(isDue)) return;
    try {
      await deps.lead(async (lease, leading) => {
        const stop = AbortSignal.any([signal, leading]);
        for (const job of jobs.filter(isDue)) {
          stop.throwIfAborted();
          await runDue(deps, job, { lease, signal: stop }, { lastErrors, doneUntil });
        }
      });
    } catch (error) {
      if (error instanceof LeaderBusyError) return;
      const isStale = error instanceof StaleLeaderError;
      if (!isStale && !deps.isRetriable(error)) throw error;
      if (isStale) deps.metrics.fenced_inserts.inc({ rule: error.rule });
      else deps.metrics.store_failures.inc({ reason: storeReason(error) });
      deps.log.warn({ err: error }, "the jobs were interrupted; the next turn goes on");
    }
  };
}

interface Memory {
  /** What was said of jobs that fail. */
  readonly lastErrors: Map<string, string>;
  /** Due times up to which nothing is left to do. */
  readonly doneUntil: Map<string, number>;
}

async function runDue(
  deps: JobRunner,
  job: Job,
  turn: Omit<JobTurn, "due">,
  { lastErrors, doneUntil }: Memory,
): Promise<void> {
  const { log, metrics, documents } = deps;
  try {
    let last = await documents.newest("job_run", job.name);
    for (const due of missed(job, last, deps.clock.nowMs())) {
      turn.signal.throwIfAborted();
      last = await runOnce(deps, job, { ...turn, due }, last);
      doneUntil.set(job.name, due);
    }
    if (last !== null) doneUntil.set(job.name, Math.max(dueOf(last), doneUntil.get(job.name) ?? -1));
    if (lastErrors.delete(job.name)) log.info({ job: job.name }, "a job that failed is done");
  } catch (error) {
    if (turn.signal.aborted || error instanceof StaleLeaderError) throw error;
    metrics.job_runs.inc({ job: job.name, result: "failed" });
    const detail = error instanceof Error ? error.message : String(error);
    if (lastErrors.get(job.name) !== detail)
      log.error({ err: error, job: job.name }, "a job failed; it is tried again");
    lastErrors.set(job.name, detail);
  }
}

async function runOnce(
  { documents, clock, metrics, owner }: JobRunner,
  job: Job,
  turn: JobTurn,
  last: WrittenDocument | null,
): Promise<WrittenDocument> {
  const [startedMs, started] = [clock.nowMs(), clock.monotonicMs()];
  const outcome = await job.run(turn);
  const content: JobRun = {
    due: iso(turn.due),
    outcome,
    started_at: iso(startedMs),
    ended_at: iso(clock.nowMs()),
  };
  const version = (last?.version ?? 0) + 1;
  const document = { id: job.name, version, content, written_by: owner, reason: "due" };
  const answer = await documents.append([{ kind: "job_run", ...document }]);
  // Another leader ran it at the same time, if this lease ran out unseen: what it wrote says as much.
  if (answer === "version_taken") throw new StaleLeaderError("METERHOUSE_VERSION_TAKEN");
  metrics.job_runs.inc({ job: job.name, result: "done" });
  metrics.job_seconds.observe({ job: job.name }, (clock.monotonicMs() - started) / 1000);
  metrics.job_due_seconds.set({ job: job.name }, turn.due / 1000);
  return { ...document, written_at: clock.nowMs() };
}

/** Due times that are not done, oldest first. A job that never ran begins with its newest one. */
function missed(job: Job, last: WrittenDocument | null, until: number): number[] {
  const after = last === null ? until - LOOK_BACK_MS : Math.max(dueOf(last), until - LOOK_BACK_MS);
  const isNewest = last === null || job.catchUp === "newest";
  return dueTimes(job.schedule, { after, until }, isNewest ? "newest" : "oldest", isNewest ? 1 : RUNS_MAX);
}

function newestDue({ schedule }: Job, until: number): number {
  return dueTimes(schedule, { after: until - LOOK_BACK_MS, until }, "newest", 1)[0] ?? -1;
}

function dueOf({ content }: WrittenDocument): number {
  return Date.parse((content as JobRun).due);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
