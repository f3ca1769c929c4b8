import { beforeEach, expect, it, vi } from "vitest";
import { LeaderBusyError, StaleLeaderError } from "../../../services/adapters/clickhouse/leader.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { createJobs, type Job, type JobRun, type JobRunner } from "../../../services/jobs/job-runner.ts";
import { pricingJobs } from "../../../services/jobs/jobs.ts";
import { ManualClock } from "../../support/doubles/manual-clock.ts";
import { MemoryDocuments } from "../../support/doubles/memory-documents.ts";
import { testApi } from "../../support/flows/pricing-api.ts";

const START = Date.parse("2026-01-10T12:00:30Z");
const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

let clock: ManualClock;
let documents: MemoryDocuments;
let errors: unknown[];
let deps: JobRunner;

beforeEach(() => {
  clock = new ManualClock(START);
  documents = new MemoryDocuments(clock);
  errors = [];
  const log = createLog({ level: "silent", name: "test" });
  deps = {
    documents,
    lead: (work) => work({ epoch: 1n, owner: "jobs-1" }, never),
    clock,
    log: { ...log, error: (fields) => void errors.push(fields) },
    metrics: createMetrics("jobs"),
    owner: "jobs-1",
    isRetriable: () => false,
  };
});

/** A job at every full hour that notes what it was due for. */
function hourly(catchUp: Job["catchUp"], name = "hourly") {
  const dues: string[] = [];
  const run = vi.fn<Job["run"]>(async ({ due }) => {
    dues.push(new Date(due).toISOString().slice(11, 16));
    return "done";
  });
  return { dues, run, job: { name, schedule: "0 * * * *", catchUp, run } satisfies Job };
}

it("runs what is due once, and says who, when and what came of it", async () => {
  const { dues, job } = hourly("newest");
  const turn = createJobs(deps, [job]);
  await turn(never);
  await turn(never);
  expect(dues).toEqual(["12:00"]);
  await clock.advance(HOUR_MS);
  await turn(never);
  expect(dues).toEqual(["12:00", "13:00"]);
  const [last, first] = await documents.versions("job_run", "hourly", 5);
  expect(first).toMatchObject({ version: 1, written_by: "jobs-1" });
  expect(last?.content).toEqual({
    due: "2026-01-10T13:00:00.000Z",
    outcome: "done",
    started_at: "2026-01-10T13:00:30.000Z",
    ended_at: "2026-01-10T13:00:30.000Z",
  } satisfies JobRun);
});

it("what was due while no leader ran is caught up: each time, or the newest, as the job says", async () => {
  const [each, newest] = [hourly("each", "each"), hourly("newest", "newest")];
  await createJobs(deps, [each.job, newest.job])(never);
  await clock.advance(3 * HOUR_MS);
  // Another process, which remembers nothing.
  await createJobs(deps, [each.job, newest.job])(never);
  expect(each.dues).toEqual(["12:00", "13:00", "14:00", "15:00"]);
  expect(newest.dues).toEqual(["12:00", "15:00"]);
});

it("a long absence is caught up over several turns", async () => {
  const { dues, job } = hourly("each");
  const turn = createJobs(deps, [job]);
  await turn(never);
  await clock.advance(150 * HOUR_MS);
  await turn(never);
  expect(dues).toHaveLength(101);
  await turn(never);
  expect(dues).toHaveLength(151);
});

it("a job that fails is tried again from where it failed, said once, counted, and holds up no other", async () => {
  const [bad, good] = [hourly("each", "bad"), hourly("newest", "good")];
  const turn = createJobs(deps, [bad.job, good.job]);
  await turn(never);
  await clock.advance(2 * HOUR_MS);
  bad.run.mockRejectedValueOnce(new Error("no")).mockRejectedValueOnce(new Error("no"));
  await turn(never);
  await turn(never);
  expect(good.dues).toEqual(["12:00", "14:00"]);
  expect(errors).toHaveLength(1);
  await turn(never);
  expect(bad.dues).toEqual(["12:00", "13:00", "14:00"]);
  const { body } = await deps.metrics.exposition();
  expect(body).toContain('meterhouse_job_runs_total{job="bad",result="failed",process="jobs"} 2');
  expect(body).toContain('meterhouse_job_runs_total{job="bad",result="done",process="jobs"} 3');
  // After a success it is news again.
  await clock.advance(HOUR_MS);
  bad.run.mockRejectedValueOnce(new Error("no"));
  await turn(never);
  expect(errors).toHaveLength(2);
});

it("leaves the work to whoever leads, and takes it up when nobody does", async () => {
  const { dues, job } = hourly("newest");
  const lead = vi.fn(deps.lead).mockRejectedValueOnce(new LeaderBusyError("jobs-2 leads"));
  const turn = createJobs({ ...deps, lead } as JobRunner, [job]);
  await turn(never);
  expect(dues).toEqual([]);
  await turn(never);
  expect(dues).toEqual(["12:00"]);
  // Nothing is due, so there is nothing to lead.
  await turn(never);
  expect(lead).toHaveBeenCalledTimes(2);
});

it("does not run what another leader has done meanwhile", async () => {
  const { dues, job } = hourly("newest");
  const [one, two] = [createJobs(deps, [job]), createJobs(deps, [job])];
  await one(never);
  await two(never);
  expect(dues).toEqual(["12:00"]);
});

it("stops between jobs when the lead is lost, and goes on at the next turn", async () => {
  const lost = new AbortController();
  const [first, second] = [hourly("newest", "first"), hourly("newest", "second")];
  first.run.mockImplementationOnce(async () => {
    lost.abort(new StaleLeaderError("METERHOUSE_STALE_LEADER"));
    return "done";
  });
  const losing: JobRunner["lead"] = (work) => work({ epoch: 1n, owner: "jobs-1" }, lost.signal);
  await createJobs({ ...deps, lead: losing }, [first.job, second.job])(never);
  expect(second.dues).toEqual([]);
  await createJobs(deps, [first.job, second.job])(never);
  expect([first.run.mock.calls.length, second.dues]).toEqual([1, ["12:00"]]);
});

it("lists jobs with names of their own and schedules that can be", () => {
  const schedules = {
    alerts: "* * * * *",
    index: "10 * * * *",
    invoices: "40 * * * *",
    retention: "20 3 * * *",
  };
  const jobs = pricingJobs({ schedules } as Parameters<typeof pricingJobs>[0]);
  expect(jobs.map(({ name, schedule }) => [name, schedule])).toEqual(Object.entries(schedules));
});

it("leaves invoices to people where there is no grace, and else says what is held back", async () => {
  const { pricing } = await testApi();
  const run = (graceMs: number) => {
    const invoices = { invoicing: pricing, graceMs, written_by: "jobs" };
    const jobs = pricingJobs({ invoices, schedules: {} } as unknown as Parameters<typeof pricingJobs>[0]);
    const turn = { due: 0, lease: { epoch: 1n, owner: "jobs-1" }, signal: never };
    return jobs.find(({ name }) => name === "invoices")?.run(turn);
  };
  expect(await run(0)).toBe("invoices are left to people");
  expect(await run(86_400_000)).toBe("0 invoices finalised; held back: none");
});
