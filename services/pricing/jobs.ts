import type { IndexRun } from "./index-points.ts";
import type { Job } from "./job-runner.ts";
import { dropOldDays, type Retention } from "./retention.ts";

export interface JobsDeps {
  readonly retention: Retention;
  readonly index: () => Promise<IndexRun>;
  /** Cron expressions, UTC. */
  readonly schedules: Readonly<Record<"retention" | "index", string>>;
}

/** The periodic work. Settlement closes and rates hours in a process of its own. */
export function pricingJobs({ retention, index, schedules }: JobsDeps): Job[] {
  return [
    {
      name: "retention",
      schedule: schedules.retention,
      // One sweep finds every day that may go.
      catchUp: "newest",
      run: (turn) => dropOldDays(retention, turn),
    },
    {
      name: "index",
      schedule: schedules.index,
      // One run publishes every point that is due.
      catchUp: "newest",
      run: async () => {
        const { written, is_outrun } = await index();
        return `${written} versions of points${is_outrun ? "; another process wrote some too" : ""}`;
      },
    },
  ];
}
