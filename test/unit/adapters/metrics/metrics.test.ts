import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../../services/adapters/metrics/metrics.ts";
import { METRICS } from "../../../../services/adapters/metrics/names.ts";

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

  it("exposes the whole table, and keeps processes apart", async () => {
    const { body } = await createMetrics("one").exposition();
    for (const { name, kind } of Object.values(METRICS)) expect(body).toContain(`# TYPE ${name} ${kind}`);
    createMetrics("two").closes.inc({ result: "balanced" });
    expect(body).not.toContain('balanced"');
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
