import { expect, it } from "vitest";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { report } from "../../../services/processor/steps/report.ts";
import { encodeEvent, makeEvent } from "../../support/builders/events.ts";
import { NOW_MS, TestIntake } from "../../support/flows/intake.ts";

it("tells what became of a block's records, rejects by their code", async () => {
  const stream = new TestIntake();
  const event = (fields = {}) => encodeEvent(makeEvent(NOW_MS, "a", fields));
  stream.send(event());
  stream.send(event());
  stream.send(event({ tokens_in: 1 }));
  stream.send({ key: null, value: null });
  stream.send({ key: null, value: null });
  const metrics = createMetrics("processor");
  // the block's last offset is 104, the partition goes on to 109
  const assignment = { ends: new Map([[0, 110]]), memory: stream.memory };
  report(metrics, assignment, stream.block, 40);
  const { body } = await metrics.exposition();
  for (const line of [
    'meterhouse_events_total{outcome="counted",process="processor"} 1',
    'meterhouse_events_total{outcome="duplicate",process="processor"} 1',
    'meterhouse_events_total{outcome="conflict",process="processor"} 1',
    'meterhouse_events_total{outcome="rejected",process="processor"} 2',
    'meterhouse_rejected_total{code="EVENT_CONFLICT",process="processor"} 1',
    'meterhouse_rejected_total{code="RECORD_EMPTY",process="processor"} 2',
    'meterhouse_consumer_lag_records{partition="0",process="processor"} 5',
    'meterhouse_dedupe_ids{process="processor"} 1',
  ]) {
    expect(body).toContain(line);
  }
  stream.block.clear();
  expect(stream.block.rejects.size).toBe(0);
});
