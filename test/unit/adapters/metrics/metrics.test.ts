import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../../services/adapters/metrics/metrics.ts";
import { METRICS } from "../../../../services/adapters/metrics/names.ts";
import { JOB_NAMES, OWNERS, PROCESSES } from "../../../../services/adapters/metrics/owners.ts";
import { type JobsDeps, pricingJobs } from "../../../../services/jobs/jobs.ts";

describe("createMetrics", () => {
  it("counts, sets and observes under the names of the table", async () => {
    const metrics = createMetrics("processor");
    metrics.events.inc({ outcome: "counted" }, 100);
    metrics.consumer_lag.set({ partition: "3" }, 7);
    metrics.insert_seconds.observe(0.04);
    const { body, contentType } = await metrics.exposition();
    expect(contentType).toContain("text/plain");
    expect(body).toContain('meterhouse_events_total{outcome="counted",process="processor"} 100');
    expect(body).toContain('meterhouse_consumer_lag_records{partition="3",process="processor"} 7');
    expect(body).toContain('meterhouse_insert_seconds_bucket{le="0.05",process="processor"} 1');
    expect(body).toContain("process_resident_memory_bytes");
  });

  it.each(PROCESSES)("exposes what %s owns and nothing else", async (process) => {
    const metrics = createMetrics(process);
    // Counted all the same, for nobody.
    metrics.closes.inc({ result: "balanced" });
    metrics.events.inc({ outcome: "counted" });
    const { body } = await metrics.exposition();
    for (const [key, { name, kind }] of Object.entries(METRICS)) {
      const isOwned = OWNERS[key as keyof typeof METRICS][process] !== undefined;
      expect(body.includes(`# TYPE ${name} ${kind}`), name).toBe(isOwned);
    }
  });

  it("has every series whose labels are known at 0 before anything happens", async () => {
    for (const process of PROCESSES) {
      const { body } = await createMetrics(process).exposition();
      for (const [key, owners] of Object.entries(OWNERS)) {
        const { name, kind } = METRICS[key as keyof typeof METRICS];
        const count = kind === "histogram" ? `${name}_count` : name;
        for (const [label, values] of Object.entries(owners[process] ?? {})) {
          for (const value of values) {
            expect(body).toMatch(new RegExp(`^${count}\\{.*\\b${label}="${value}".*\\} 0$`, "m"));
          }
        }
      }
    }
  });

  it("counts by labels that are known from the start, or the first increase is not seen", () => {
    const late = Object.entries(METRICS).flatMap(([key, { kind, labels }]) =>
      kind === "counter"
        ? Object.entries(OWNERS[key as keyof typeof METRICS]).flatMap(([process, values]) =>
            labels.filter((label) => !(label in values)).map((label) => `${process} ${key} ${label}`),
          )
        : [],
    );
    // Those of the API are made from its routes.
    expect(late).toEqual(["route", "method", "status"].map((label) => `pricing http_requests ${label}`));
  });

  it("knows every job by its name", () => {
    const jobs = pricingJobs({ schedules: {} } as JobsDeps);
    expect(jobs.map(({ name }) => name)).toEqual([...JOB_NAMES]);
  });

  it("names every metric after the house, with its unit or _total last", () => {
    for (const { name, kind } of Object.values<{ name: string; kind: string }>(METRICS)) {
      expect(name).toMatch(/^meterhouse_[a-z_]+$/);
      expect(name.endsWith("_total")).toBe(kind === "counter");
    }
    const names = Object.values(METRICS).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
