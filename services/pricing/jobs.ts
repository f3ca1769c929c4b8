import { type AlertDeps, raiseAlerts } from "./alerts.ts";
import type { IndexRun } from "./index-points.ts";
import type { Job } from "./job-runner.ts";
import { dropOldDays, type Retention } from "./retention.ts";

export interface JobsDeps {
  readonly retention: Retention;
  readonly index: () => Promise<IndexRun>;
  readonly alerts: AlertDeps;
  /** Cron expressions, UTC. */
  readonly schedules: Readonly<Record<"retention" | "index" | "alerts", string>>;
}

/** The periodic work. Settlement closes and rates hours in a process of its own. */
export function pricingJobs({ retention, index, alerts, schedules }: JobsDeps): Job[] {
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
    {
      name: "alerts",
      schedule: schedules.alerts,
      // It looks at what is spent by now, and at every delivery that is due.
      catchUp: "newest",
      async run({ signal }) {
        const { raised, delivered, waiting, given_up } = await raiseAlerts(alerts, signal);
        return `${raised} alerts raised; ${delivered} delivered, ${waiting} waiting, ${given_up} given up`;
      },
    },
  ];
}
