import type { Job } from "./job-runner.ts";
import { dropOldDays, type Retention } from "./retention.ts";

export interface JobsDeps {
  readonly retention: Retention;
  /** Cron expressions, UTC. */
  readonly schedules: Readonly<Record<"retention", string>>;
}

/** The periodic work. Settlement closes and rates hours in a process of its own. */
export function pricingJobs({ retention, schedules }: JobsDeps): Job[] {
  return [
    {
      name: "retention",
      schedule: schedules.retention,
      // One sweep finds every day that may go.
      catchUp: "newest",
      run: (turn) => dropOldDays(retention, turn),
    },
  ];
}
