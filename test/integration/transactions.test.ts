// Real transactions: nothing aborted counts, the position covers what is passed over, and an open one is seen.
import type { Producer, Transaction } from "kafkajs";
import { expect, it, onTestFinished } from "vitest";
import { logBounds } from "../../services/adapters/kafka/admin.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { eventually } from "../support/checks/eventually.ts";
import { type Flow, sharedFlow } from "../support/flows/flow.ts";

const NOW_MS = Date.now();

async function producer(flow: Flow, transactionalId: string): Promise<Producer> {
  const made = flow.kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
  await made.connect();
  onTestFinished(() => made.disconnect());
  return made;
}

async function send(flow: Flow, transaction: Transaction, name: string): Promise<void> {
  const { key, value } = encodeEvent(makeEvent(NOW_MS - 1_000, name));
  await transaction.send({
    topic: flow.topic,
    messages: [{ key: Buffer.from(key ?? []), value: Buffer.from(value ?? []) }],
  });
}

async function position(flow: Flow): Promise<number> {
  const [row] = await flow.query<{ position: string }>(
    "SELECT max(last_offset) + 1 AS position FROM batches",
  );
  return Number(row?.position);
}

/** Once everything that may be read is covered, as an hour needs it to close. */
async function covers(flow: Flow, offset: number): Promise<void> {
  await eventually(
    `the position covers offset ${offset}`,
    async () => (await position(flow)) >= offset || undefined,
  );
}

it("aborted transactions count nothing, interleaved too, and the position covers them where nothing comes behind", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const [a, b] = [await producer(flow, `a-${flow.topic}`), await producer(flow, `b-${flow.topic}`)];
  const first = await a.transaction();
  await send(flow, first, "a1");
  const second = await b.transaction();
  await send(flow, second, "b1");
  await send(flow, first, "a2");
  await second.abort();
  const third = await b.transaction();
  await send(flow, third, "b2");
  await third.commit();
  await send(flow, first, "a3");
  await first.abort();
  const high = (await logBounds(flow.kafka, flow.topic)).get(0)?.high ?? 0;
  expect(high).toBe(8);
  flow.start();
  await covers(flow, high);
  expect(await flow.totals()).toMatchObject({ received: 1, counted: 1, rejected: 0 });

  const last = await a.transaction();
  await send(flow, last, "a4");
  await last.abort();
  await covers(flow, 10);
  expect(await flow.totals()).toMatchObject({ received: 1, counted: 1 });
});

it("an open transaction holds the partition, and the metrics say how much", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const port = 20_000 + (process.pid % 20_000);
  flow.start({ METERHOUSE_METRICS_PORT: String(port) });
  const open = await (await producer(flow, `c-${flow.topic}`)).transaction();
  await send(flow, open, "c1");
  await flow.send([encodeEvent(makeEvent(NOW_MS - 2_000, "plain"))]);
  const metric = async (name: string) => {
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (reply) => reply.text(),
      () => "",
    );
    return new RegExp(`^${name}\\{[^}]*partition="0"[^}]*\\} (\\d+)$`, "m").exec(text)?.[1];
  };
  await eventually("two records are held back", async () =>
    (await metric("meterhouse_records_held_back")) === "2" &&
    (await metric("meterhouse_consumer_lag_records")) === "2"
      ? true
      : undefined,
  );
  await open.commit();
  await flow.received(2);
  await covers(flow, 3);
  expect(await flow.totals()).toMatchObject({ counted: 2 });
});
