import { createTask, validate } from "node-cron";

/** A job that runs by the clock. */
export interface Schedule {
  /** No run starts any more; resolves when the one under way has ended. Its signal is aborted. */
  stop(): Promise<void>;
}

export interface Job {
  /** Stops when the signal is aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** What a run threw. What a job expects to fail, it handles itself. */
  readonly onFailure: (error: unknown) => void;
}

/** What is wrong with a cron expression (five fields, or six with seconds first), or undefined. */
export function cronFault(expression: string): string | undefined {
  return validate(expression) ? undefined : "is no cron expression";
}

/** Runs a job by a cron expression in UTC. A run that is due while the last one is still under way is left out. */
export function schedule(expression: string, name: string, job: Job): Schedule {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const task = createTask(
    expression,
    async () => {
      if (running !== undefined || stopping.signal.aborted) return;
      running = job.run(stopping.signal).catch((error: unknown) => {
        // A run that stops on request throws the signal's reason: that is no failure.
        if (error !== stopping.signal.reason) job.onFailure(error);
      });
      await running;
      running = undefined;
    },
    // A run left out for want of time is no news: the next one does its work.
    { name, timezone: "Etc/UTC", suppressMissedWarning: true },
  );
  void task.start();
  return {
    async stop() {
      stopping.abort(new Error(`${name} is stopping`));
      await task.destroy();
      await running;
    },
  };
}
