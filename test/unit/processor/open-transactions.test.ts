import { expect, it } from "vitest";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { OpenTransactions } from "../../../services/processor/open-transactions.ts";

it("a transaction that stands still for a minute is told once, and its end too", async () => {
  let nowMs = 0;
  const said: string[] = [];
  const metrics = createMetrics("processor");
  const say = (_fields: object, message: string) => said.push(message);
  const open = new OpenTransactions({
    clock: { monotonicMs: () => nowMs },
    log: { warn: say, info: say },
    metrics,
  });
  const hear = (atMs: number, end: number, stable: number) => {
    nowMs = atMs;
    open.heard(3, { end, stable });
  };
  hear(0, 10, 4);
  hear(59_999, 20, 4);
  expect(said).toEqual([]);
  hear(60_000, 30, 4);
  hear(60_001, 31, 4);
  expect(said).toEqual([expect.stringContaining("an open transaction holds records back")]);
  expect((await metrics.records_held_back.get()).values).toEqual([
    expect.objectContaining({ value: 27, labels: { partition: "3" } }),
  ]);
  hear(60_002, 31, 31);
  expect(said).toHaveLength(2);
  hear(70_000, 40, 35);
  hear(129_000, 50, 36);
  hear(140_000, 50, 36);
  expect(said).toHaveLength(2);
});
