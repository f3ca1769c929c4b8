// Three brokers, of which one is killed: what the project's own producer was told is kept is there, and the processor goes on.
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { ensureTopic, partitionsOf } from "../../services/adapters/kafka/admin.ts";
import { openKafka } from "../../services/adapters/kafka/client.ts";
import { openProducer } from "../../services/adapters/kafka/producer.ts";
import { readTopic } from "../../services/adapters/kafka/read-topic.ts";
import { createLog } from "../../services/adapters/log/log.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import { Flow } from "../support/flows/flow.ts";
import { threeBrokers } from "../support/stack/kafka-cluster.ts";
import { killProcessors } from "../support/stack/processor-process.ts";
import { databaseOfTest, sharedStack } from "../support/stack/stack.ts";

const TOPIC = "events";
const SENDS = 60;
const RECORDS = 200;
const SENDERS = 4;
const KILL_AFTER = 12;
const GOES_ON_MS = 30_000;

async function open() {
  const cluster = await threeBrokers();
  const log = createLog({ level: "silent", name: "test" });
  const kafka = openKafka({ brokers: cluster.addresses, clientId: "test", log });
  await ensureTopic(kafka, {
    topic: TOPIC,
    partitions: 8,
    replicas: 3,
    insyncMin: 2,
    retentionMs: 86_400_000,
    recordBytesMax: 1 << 20,
  });
  const [first] = await partitionsOf(kafka, TOPIC);
  return { cluster, kafka, log, leader: first?.leader ?? 1 };
}

it("what the producer was told is kept is there when a broker is killed in the middle, and the processor goes on", async () => {
  const { cluster, kafka, log, leader } = await open();
  const { clickhouseUrl, users } = sharedStack();
  const database = await databaseOfTest();
  const admin = database.open("migrate");
  const target = { kafkaBrokers: cluster.addresses, clickhouseUrl, users, database: database.name, admin };
  const flow = await Flow.open(target, { topic: TOPIC });
  const producer = await openProducer(kafka, TOPIC);
  onTestFinished(async () => {
    await killProcessors();
    await Promise.all([producer.close(), flow.close()]);
  });
  flow.start();
  const nowMs = Date.now();
  const batches = Array.from({ length: SENDS }, (_, send) =>
    Array.from({ length: RECORDS }, (_, at) => encodeEvent(makeEvent(nowMs - 1_000 - at, `${send}-${at}`))),
  );
  const waiting = [...batches];
  let done = 0;
  let killed: Promise<void> | undefined;
  const sender = async () => {
    for (let batch = waiting.pop(); batch !== undefined; batch = waiting.pop()) {
      await producer.send(batch);
      done += 1;
      if (done === KILL_AFTER) killed = cluster.kill(leader);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  await killed;

  const options = { kafka, topic: TOPIC, groupId: "reader", clock: systemClock, log };
  const limits = { fetchBytesMax: 1 << 24, fetchBytesMaxPerPartition: 1 << 22, batchBytesMax: 1 << 24 };
  const records = await readTopic({ ...options, ...limits, metadataMsMax: 30_000, sessionTimeoutMs: 6_000 });
  const held = new Set(records.map(({ key }) => Buffer.from(key ?? []).toString("hex")));
  const acknowledged = batches.flat().map(({ key }) => Buffer.from(key ?? []).toString("hex"));
  expect(acknowledged.filter((key) => !held.has(key))).toEqual([]);
  expect(records).toHaveLength(acknowledged.length);

  await flow.received(acknowledged.length, { withinMs: GOES_ON_MS });
  await flow.send([encodeEvent(makeEvent(nowMs - 1_000, "afterwards"))]);
  await flow.received(acknowledged.length + 1, { withinMs: GOES_ON_MS });
  await expectAccount(flow, acknowledged.length + 1);
});
