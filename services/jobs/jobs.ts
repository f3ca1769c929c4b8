import type { Metrics } from "../adapters/metrics/metrics.ts";
import type { AlertDeps } from "../billing/budgets/alert.ts";
import { raiseAlerts } from "../billing/budgets/alerts.ts";
import type { IndexRun } from "../billing/index/index-points.ts";
import type { Invoicing } from "../billing/invoices/draft-invoice.ts";
import type { Outcome } from "../billing/invoices/finalise.ts";
import { invoicePeriods } from "../billing/invoices/invoice-periods.ts";
import { formatHour } from "../domain/time/hour.ts";
import type { Job } from "./job-runner.ts";
import { dropOldDays, type Retention } from "./retention.ts";

export interface JobsDeps {
  readonly retention: Retention;
  readonly index: () => Promise<IndexRun>;
  readonly alerts: AlertDeps;
  /** `graceMs` is how long after its end a period is invoiced; 0 leaves invoices to people. */
  readonly invoices: { readonly invoicing: Invoicing; readonly graceMs: number; readonly written_by: string };
  readonly metrics: Metrics;
  /** Cron expressions, UTC. */
  readonly schedules: Readonly<Record<"alerts" | "index" | "invoices" | "retention", string>>;
}

/**
 * The periodic work, in the order in which it is done where several are due: what takes long stands last. Settlement closes
 * and rates hours in a process of its own.
 */
export function pricingJobs({ retention, index, alerts, invoices, schedules, metrics }: JobsDeps): Job[] {
  return [
    {
      name: "alerts",
      schedule: schedules.alerts,
      // It looks at what is spent by now, and at every delivery that is due.
      catchUp: "newest",
      async run({ signal }) {
        const { raised, delivered, failed, waiting, given_up } = await raiseAlerts(alerts, signal);
        metrics.deliveries.inc({ result: "accepted" }, delivered);
        metrics.deliveries.inc({ result: "failed" }, failed);
        metrics.deliveries.inc({ result: "given_up" }, given_up);
        metrics.deliveries_waiting.set(waiting);
        return `${raised} alerts raised; ${delivered} delivered, ${waiting} waiting, ${given_up} given up`;
      },
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
      name: "invoices",
      schedule: schedules.invoices,
      // One run finalises every period that is over and has no invoice, oldest first.
      catchUp: "newest",
      async run({ signal }) {
        const { invoicing, graceMs, written_by } = invoices;
        if (graceMs === 0) return "invoices are left to people";
        return invoiced(await invoicePeriods(invoicing, { graceMs, written_by, signal }));
      },
    },
    {
      name: "retention",
      schedule: schedules.retention,
      // One sweep finds every day that may go.
      catchUp: "newest",
      run: (turn) => dropOldDays(retention, turn),
    },
  ];
}

const NAMED_MAX = 20;

/** How many invoices there are now, and whose are held back by what. */
function invoiced(outcomes: readonly Outcome[]): string {
  const finalised = outcomes.filter(({ status }) => status === "finalised").length;
  const refused = outcomes.flatMap((it) =>
    it.status === "refused"
      ? [`${it.tenant_id} from ${formatHour(it.period.from)} (${it.refusal.refusal})`]
      : [],
  );
  const more = refused.length > NAMED_MAX ? ` and ${refused.length - NAMED_MAX} more` : "";
  const held = refused.length === 0 ? "none" : `${refused.slice(0, NAMED_MAX).join(", ")}${more}`;
  return `${finalised} invoices finalised; held back: ${held}`;
}
