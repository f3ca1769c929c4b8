import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import { eventually } from "../support/checks/eventually.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { ProcessorProcess } from "../support/stack/processor-process.ts";
import { sharedStack } from "../support/stack/stack.ts";
import { TcpProxy } from "../support/stack/tcp-proxy.ts";

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => encodeEvent(makeEvent(Date.now() - 1_000 - i, `e-${from + i}`)));

const STOP_MS_MAX = 15_000;

async function reserve(target: string): Promise<TcpProxy> {
  const proxy = await TcpProxy.reserve(target);
  onTestFinished(() => proxy.down());
  return proxy;
}

const clickHouseAddress = () => new URL(sharedStack().clickhouseUrl).host;

/** SIGTERM, and how long it took. */
async function stopped(processor: ProcessorProcess): Promise<{ code: number | null; ms: number }> {
  const start = performance.now();
  const code = await processor.stop();
  return { code, ms: performance.now() - start };
}

describe("a server that is away", () => {
  it("at the start is waited for, said once: Kafka", async () => {
    const flow = await sharedFlow();
    const [broker = ""] = flow.target.kafkaBrokers;
    const proxy = await reserve(broker);
    await flow.send(events(0, 50));
    const processor = flow.start({ METERHOUSE_KAFKA_BROKERS: proxy.address, METERHOUSE_LOG_LEVEL: "debug" });
    await processor.says("Kafka is away");
    // several attempts later
    await processor.says(/Connection error|Failed to connect/, { after: 3 });
    await proxy.up();
    await flow.received(50);
    await processor.says("Kafka is back");
    expect(processor.saidTimes("Kafka is away")).toBe(1);
    await expectAccount(flow, 50);
  });

  it("at the start is waited for, said once: ClickHouse", async () => {
    const flow = await sharedFlow();
    const proxy = await reserve(clickHouseAddress());
    await flow.send(events(0, 50));
    const processor = flow.start({ METERHOUSE_CLICKHOUSE_URL: `http://${proxy.address}` });
    await processor.says("ClickHouse is away");
    await proxy.up();
    await flow.received(50);
    await processor.says("ClickHouse is back");
    expect(processor.saidTimes("ClickHouse is away")).toBe(1);
    await expectAccount(flow, 50);
  });

  it("in mid-run is waited for longer than a session lasts, and nothing is lost: ClickHouse", async () => {
    const flow = await sharedFlow();
    const proxy = await reserve(clickHouseAddress());
    await proxy.up();
    const processor = flow.start({
      METERHOUSE_CLICKHOUSE_URL: `http://${proxy.address}`,
      METERHOUSE_LOG_LEVEL: "debug",
      METERHOUSE_BLOCK_ROWS_MAX: "200",
    });
    await flow.send(events(0, 500));
    await flow.received(500);
    await proxy.down();
    // more than both blocks hold: reading stops, heartbeats go on
    await flow.send(events(500, 1_500));
    await processor.says("ClickHouse is away");
    const beats = processor.saidTimes("coordinator answers");
    await processor.says("coordinator answers", { after: beats + 7 });
    await proxy.up();
    await flow.received(2_000);
    expect(processor.saidTimes("ClickHouse is away")).toBe(1);
    expect(processor.saidTimes("ClickHouse is back")).toBe(1);
    expect(processor.saidTimes("took over")).toBe(1);
    await expectAccount(flow, 2_000);
  });
});

describe("SIGTERM", () => {
  it("ends in order within seconds, with everything that was read in the log", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    const processor = flow.start({ METERHOUSE_FLUSH: "60s", METERHOUSE_BLOCK_ROWS_MAX: "200" });
    // one fetch: when the first block of it is in the log, the rest has been read and waits
    const broken = events(300, 20).map(({ key }) => ({ key, value: Buffer.from("?") }));
    const late = encodeEvent(makeEvent(Date.now() - 100 * 3_600_000, "late"));
    await flow.send([...events(0, 319), late, ...broken]);
    await flow.received(100);
    expect((await flow.totals()).received).toBeLessThan(300);
    const { code, ms } = await stopped(processor);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(STOP_MS_MAX);
    expect(await flow.totals()).toMatchObject({ received: 340, counted: 320, rejected: 20 });
    await expectAccount(flow, 340);
  });

  it.each([
    ["Kafka", (address: string) => ({ METERHOUSE_KAFKA_BROKERS: address })],
    ["ClickHouse", (address: string) => ({ METERHOUSE_CLICKHOUSE_URL: `http://${address}` })],
  ])("ends it while it waits for %s", async (name, environment) => {
    const flow = await sharedFlow();
    const { address } = await reserve(clickHouseAddress());
    const processor = flow.start(environment(address));
    await processor.says(`${name} is away`);
    const { ms } = await stopped(processor);
    expect(ms).toBeLessThan(STOP_MS_MAX);
    expect(processor.saidTimes("unknown error")).toBe(0);
    expect(processor.stderr).toBe("");
  });

  it("ends it while ClickHouse is away in mid-run; what was not written is read again", async () => {
    const flow = await sharedFlow();
    const proxy = await reserve(clickHouseAddress());
    await proxy.up();
    const processor = flow.start({ METERHOUSE_CLICKHOUSE_URL: `http://${proxy.address}` });
    await flow.send(events(0, 100));
    await flow.received(100);
    await proxy.down();
    await flow.send(events(100, 100));
    await processor.says("ClickHouse is away");
    const { code, ms } = await stopped(processor);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(STOP_MS_MAX);
    expect(processor.saidTimes("unknown error")).toBe(0);
    flow.start();
    await flow.received(200);
    await expectAccount(flow, 200);
  });
});

describe("a start that cannot be", () => {
  it("names every fault of the configuration", async () => {
    const processor = new ProcessorProcess({
      METERHOUSE_KAFKA_BROKERS: " , ",
      METERHOUSE_CLICKHOUSE_URL: "ftp://nowhere",
      METERHOUSE_FLUSH: "soon",
      METERHOUSE_CONFLUENT_SCHEMA_IDS: "1=gpu_time_event/v9",
    });
    expect(await processor.exit()).toBe(2);
    for (const key of [
      "METERHOUSE_KAFKA_BROKERS",
      "METERHOUSE_CLICKHOUSE_URL",
      "METERHOUSE_CLICKHOUSE_PASSWORD",
      "METERHOUSE_FLUSH",
      "METERHOUSE_CONFLUENT_SCHEMA_IDS",
    ]) {
      expect(processor.stderr).toContain(key);
    }
  });

  it("says which port is taken", async () => {
    const flow = await sharedFlow();
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const processor = flow.start({ METERHOUSE_METRICS_PORT: String(port) });
    expect(await processor.exit()).toBe(1);
    expect(processor.tail()).toContain(`Port ${port} on 127.0.0.1 is taken. Set METERHOUSE_METRICS_PORT`);
  });

  it("says that there is no such topic", async () => {
    const flow = await sharedFlow();
    const processor = flow.start({ METERHOUSE_TOPIC: "no-such-topic" });
    expect(await processor.exit()).toBe(1);
    expect(processor.tail()).toContain("Kafka has no topic no-such-topic: make it, or name another one");
  });
});

it("counts in its metrics what became of the records", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const processor = flow.start();
  const { port } = await processor.says("metrics are served");
  const some = events(0, 100);
  await flow.send([...some, ...some.slice(0, 10), { key: null, value: some[0]?.value ?? null }]);
  await flow.send([{ key: some[0]?.key ?? null, value: Buffer.alloc(0) }]);
  await flow.received(112);
  const text = await eventually("the metrics", async () => {
    const body = await metrics(Number(port));
    return body.includes('meterhouse_events_total{outcome="rejected",process="processor"} 2')
      ? body
      : undefined;
  });
  expect(text).toContain('meterhouse_events_total{outcome="counted",process="processor"} 100');
  expect(text).toContain('meterhouse_events_total{outcome="duplicate",process="processor"} 10');
  expect(text).toContain('meterhouse_rejected_total{code="RECORD_EMPTY",process="processor"} 1');
  expect(text).toContain('meterhouse_rejected_total{code="RECORD_KEY_MISSING",process="processor"} 1');
  expect(text).toContain('meterhouse_consumer_lag_records{partition="0",process="processor"} 0');
  expect(text).toContain('meterhouse_dedupe_ids{process="processor"} 100');
  expect(text).toMatch(/meterhouse_insert_seconds_count\{process="processor"\} [1-9]/);
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect(ready.status).toBe(200);
});

async function metrics(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}
