// A position is of one topic in one cluster. Another one ends the process; a new generation and a gap are accepted by name.
import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { ensureTopic } from "../../services/adapters/kafka/admin.ts";
import { topicIdentity } from "../../services/adapters/kafka/topic-identity.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { type Flow, sharedFlow } from "../support/flows/flow.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { meterhouse, settingsOf } from "../support/stack/meterhouse.ts";
import type { ProcessorProcess } from "../support/stack/processor-process.ts";

const NOW_MS = Date.now();
const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => encodeEvent(makeEvent(NOW_MS - 1_000 - from - i, `e-${from + i}`)));

async function withAdmin(flow: Flow, work: (admin: ReturnType<Flow["kafka"]["admin"]>) => Promise<unknown>) {
  const admin = flow.kafka.admin();
  await admin.connect();
  await admin.fetchTopicOffsets(flow.topic).catch(() => undefined);
  await work(admin).finally(() => admin.disconnect());
}

async function remake(flow: Flow): Promise<void> {
  await withAdmin(flow, (admin) => admin.deleteTopics({ topics: [flow.topic] }));
  const options = { partitions: 1, replicas: 1, retentionMs: 86_400_000, recordBytesMax: 1 << 20 };
  await ensureTopic(flow.kafka, { topic: flow.topic, ...options });
}

const expire = (flow: Flow, offset: number) =>
  withAdmin(flow, (admin) =>
    admin.deleteTopicRecords({ topic: flow.topic, partitions: [{ partition: 0, offset: String(offset) }] }),
  );

const topicCommand = (flow: Flow, ...words: string[]) =>
  meterhouse(settingsOf(flow, "processor"), "topic", ...words);

const ended = (processor: ProcessorProcess): string[] =>
  processor.lines.map(({ err }) => (err as { message?: string } | undefined)?.message ?? "");

async function counted(flow: Flow, count: number): Promise<void> {
  const processor = flow.start();
  await flow.received(count);
  await processor.stop();
}

it("a topic made anew, longer than the position, ends the process, and goes on as a new generation", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  await flow.send(events(0, 10));
  await counted(flow, 10);
  await remake(flow);
  await flow.send(events(5, 20));
  const processor = flow.start();
  expect(await processor.exit()).toBe(1);
  expect(ended(processor)).toContainEqual(
    expect.stringContaining("meterhouse topic generation --reason TEXT"),
  );

  expect(await topicCommand(flow, "generation", "--reason", " ")).toMatchObject({ code: 2 });
  expect(await topicCommand(flow, "generation", "--reason", "the cluster was lost")).toMatchObject({
    code: 0,
  });
  await counted(flow, 30);
  expect(await flow.totals()).toMatchObject({ received: 30, counted: 25, duplicates: 5 });
  expect(
    await flow.query(
      "SELECT kafka_partition, min(first_offset) AS first FROM batches GROUP BY kafka_partition ORDER BY kafka_partition",
    ),
  ).toEqual([
    { kafka_partition: 0, first: "0" },
    { kafka_partition: 1024, first: "0" },
  ]);
  const { topic_id } = await topicIdentity(flow.kafka, flow.topic);
  expect(
    await flow.query("SELECT generation, topic_id, reason FROM topic_generations WHERE generation > 0"),
  ).toEqual([{ generation: 1, topic_id, reason: "the cluster was lost" }]);
});

it("a topic that is made anew under a running process ends it", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const processor = flow.start({ METERHOUSE_TOPIC_REFRESH: "1s" });
  await flow.send(events(0, 10));
  await flow.received(10);
  await remake(flow);
  expect(await processor.exit()).toBe(1);
  expect(ended(processor)).toContainEqual(
    expect.stringContaining("meterhouse topic generation --reason TEXT"),
  );
});

it("a gap is accepted exactly as it is, with who and why, and tiles", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  await flow.send(events(0, 10));
  await counted(flow, 10);
  await flow.send(events(10, 10));
  expect(
    await topicCommand(flow, "gap", "--partition", "0", "--from", "10", "--to", "15", "--reason", "x"),
  ).toMatchObject({
    code: 1,
    printed: expect.stringContaining("nothing is lost"),
  });
  await expire(flow, 15);
  for (const [from, to] of [
    ["9", "15"],
    ["10", "14"],
    ["10", "16"],
  ] as const) {
    const refusal = await topicCommand(
      flow,
      "gap",
      "--partition",
      "0",
      "--from",
      from,
      "--to",
      to,
      "--reason",
      "x",
    );
    expect(refusal).toMatchObject({ code: 1, printed: expect.stringContaining("offsets from 10 to 15") });
  }
  const gap = ["gap", "--partition", "0", "--from", "10", "--to", "15", "--reason", "a full disk"];
  expect(await topicCommand(flow, ...gap)).toMatchObject({ code: 0 });
  expect(await topicCommand(flow, ...gap)).toMatchObject({ code: 1 });
  await counted(flow, 15);
  expect(await flow.query("SELECT from_offset, to_offset, offsets, reason FROM topic_gaps")).toEqual([
    { from_offset: "10", to_offset: "15", offsets: "5", reason: "a full disk" },
  ]);
  expect(await flow.query("SELECT first_offset, last_offset, lost FROM batches WHERE lost > 0")).toEqual([
    { first_offset: "10", last_offset: "14", lost: "5" },
  ]);
});

it.each([
  ["a gap that was accepted is no fault of the hour", "", []],
  ["a gap that nobody accepted is", "TRUNCATE TABLE log_gaps", ["tiling"]],
])("%s", async (_name, statement, failed_checks) => {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database, admin } = flow.target;
  await flow.send(events(0, 10));
  await counted(flow, 10);
  await flow.send(events(10, 20));
  await expire(flow, 25);
  const gap = ["gap", "--partition", "0", "--from", "10", "--to", "25", "--reason", "a full disk"];
  expect(await topicCommand(flow, ...gap)).toMatchObject({ code: 0 });
  await counted(flow, 15);
  if (statement !== "") await admin.command(statement);
  const settlement = openClickHouse({ url, database, ...users.settlement });
  onTestFinished(() => settlement.close());
  const store = new ClickHouseSettlementStore(settlement, database);
  const { closed } = await pass(settlementOver(store, { clock: new ManualClock(NOW_MS + 7_200_000) }));
  expect(closed[0]).toMatchObject({ failed_checks });
});
