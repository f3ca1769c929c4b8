import { expect, it } from "vitest";
import { createLog } from "../../../services/adapters/log/log.ts";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { DedupeMemory } from "../../../services/domain/dedupe/memory.ts";
import { report } from "../../../services/processor/steps/report.ts";
import { encodeEvent, makeEvent } from "../../support/builders/events.ts";
import { HASH_KEY } from "../../support/builders/hash-key.ts";
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
  const assignment = { ends: new Map([[0, 110]]), memory: stream.memory, isMemoryNear: false };
  report({ metrics, log: createLog({ level: "silent", name: "test" }) }, assignment, stream.block, 40);
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

it("says once that the ids of one hour nearly fill the memory, before it is forgotten", async () => {
  const said: object[] = [];
  const log = { ...createLog({ level: "silent", name: "test" }), warn: (about: object) => said.push(about) };
  const stream = new TestIntake();
  const assignment = {
    ends: new Map<number, number>(),
    memory: new DedupeMemory(LIMITS, HASH_KEY),
    isMemoryNear: false,
  };
  const metrics = createMetrics("processor");
  assignment.memory.open(0, 0);
  const remember = (hour: number, from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      assignment.memory.add(0, "event", idOf(hour, i), 0, { low: i, high: 0 });
    }
    report({ metrics, log: log as never }, assignment, stream.block, 1);
  };
  // another hour's ids go first, and are none of this one's
  remember(NOW_HOUR - 1, 0, 9);
  expect(said).toEqual([{ newest_hour_ids: 9, ids_max: 10 }]);
  remember(NOW_HOUR, 0, 7);
  expect((await metrics.dedupe_newest_hour.get()).values[0]?.value).toBe(0.7);
  expect(said).toHaveLength(1);
  remember(NOW_HOUR, 7, 8);
  remember(NOW_HOUR, 8, 9);
  expect(said).toEqual([
    { newest_hour_ids: 9, ids_max: 10 },
    { newest_hour_ids: 8, ids_max: 10 },
  ]);
});

const LIMITS = { dedupe_hours: 30, dedupe_ids_max: 10 };
const NOW_HOUR = Math.floor(NOW_MS / 3_600_000);

/** An id whose time lies in the hour: its first six bytes are milliseconds. */
function idOf(hour: number, n: number): Uint8Array {
  const id = new Uint8Array(16);
  const view = new DataView(id.buffer);
  view.setUint16(0, Math.floor((hour * 3_600_000 + 1) / 2 ** 32));
  view.setUint32(2, (hour * 3_600_000 + 1) % 2 ** 32);
  view.setUint32(12, n);
  return id;
}
