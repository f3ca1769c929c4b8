import { describe, expect, it, onTestFinished } from "vitest";
import { clickHouseUsageLog } from "../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import { eventually } from "../support/checks/eventually.ts";
import { haltInserts } from "../support/doubles/halted-insert.ts";
import type { Flow } from "../support/flows/flow.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { ClickHouseProxy, type Treatment } from "../support/stack/clickhouse-proxy.ts";
import { databaseOfTest } from "../support/stack/stack.ts";
import { blockOf, guardOf } from "../support/stores/usage-logs.ts";

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => encodeEvent(makeEvent(Date.now() - 1_000 - i, `e-${from + i}`)));

async function proxied(flow: Flow): Promise<ClickHouseProxy> {
  const proxy = await ClickHouseProxy.open(flow.target.clickhouseUrl);
  onTestFinished(() => proxy.down());
  return proxy;
}

function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

it("does not write what was on its way while another one took over", async () => {
  const flow = await sharedFlow({ partitions: 2 });
  const proxy = await proxied(flow);
  const { opened, open } = gate();
  proxy.treat = () => ({ forward: opened });
  const old = flow.start({ METERHOUSE_CLICKHOUSE_URL: proxy.url });
  await flow.send(events(0, 200));
  await proxy.arrived(1);
  old.signal("SIGSTOP");
  // the group gives its partitions away when its session is over
  const next = flow.start();
  await next.says("took over");
  await flow.send(events(200, 100));
  await flow.received(300);
  open();
  old.signal("SIGCONT");
  await old.says("took over", { after: 1 });
  expect(proxy.answers[0]).toMatch(/METERHOUSE_FENCED/);
  await flow.send(events(300, 100));
  await flow.received(400);
  await expectAccount(flow, 400);
  expect(await Promise.all([old.stop(), next.stop()])).toEqual([0, 0]);
});

describe("an insert without an answer is in the log once, and said once", () => {
  it.each<[string, Treatment, number]>([
    ["carried out, its answer lost", { lose: "answer" }, 1],
    ["lost on the way", { lose: "request" }, 1],
    ["lost twice", { lose: "request" }, 2],
  ])("%s", async (_name, treatment, times) => {
    const flow = await sharedFlow({ partitions: 2 });
    const proxy = await proxied(flow);
    proxy.treat = (insert) => (insert < times ? treatment : {});
    const processor = flow.start({ METERHOUSE_CLICKHOUSE_URL: proxy.url });
    await flow.send(events(0, 300));
    await flow.received(300);
    await flow.send(events(300, 100));
    await flow.received(400);
    expect(processor.saidTimes("an insert got no answer")).toBe(1);
    await expectAccount(flow, 400);
    expect(await processor.stop()).toBe(0);
  });

  it("when it arrives after it was sent again", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    const proxy = await proxied(flow);
    const { opened, open } = gate();
    proxy.treat = (insert) => (insert === 0 ? { lose: "request", forward: opened } : {});
    flow.start({ METERHOUSE_CLICKHOUSE_URL: proxy.url });
    await flow.send(events(0, 100));
    await flow.received(100);
    open();
    await eventually("the late insert is answered", () => proxy.answers[1]);
    expect(proxy.answers[1]).toMatch(/METERHOUSE_DISPLACED/);
    await expectAccount(flow, 100);
  });

  it("when half of it has arrived", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    const proxy = await proxied(flow);
    const { opened, open } = gate();
    proxy.treat = (insert) => (insert === 0 ? { lose: "request", half: true, forward: opened } : {});
    flow.start({ METERHOUSE_CLICKHOUSE_URL: proxy.url });
    await flow.send(events(0, 2_000));
    await flow.received(2_000);
    open();
    await flow.send(events(2_000, 10));
    await flow.received(2_010);
    await expectAccount(flow, 2_010);
  });
});

describe("two inserts that were both allowed", () => {
  async function open() {
    const database = await databaseOfTest();
    const client = database.open("processor");
    const admin = database.open("migrate");
    const slow = haltInserts(client, admin);
    const stored = async () => {
      // an event that crosses an hour has a row for each, of which one is its home
      const [row] = await admin.query(
        "SELECT countIf(home = 1) AS n, uniqExact(event_id) AS ids FROM events",
      );
      return row;
    };
    return {
      log: clickHouseUsageLog(client, systemClock),
      slowLog: clickHouseUsageLog(slow.client, systemClock),
      slow,
      stored,
    };
  }

  const block = () => blockOf({ partition: 0, first: 0, records: events(0, 5_000) });

  it("store one block when they are the same", async () => {
    const { log, slowLog, slow, stored } = await open();
    const owned = await log.takeOver([0], "a");
    const same = block();
    const guard = guardOf("a", owned);
    const first = slowLog.append(same, guard);
    await slow.isRunning(guard.name);
    expect(await log.append(same, guardOf("a", owned))).toEqual({ outcome: "applied" });
    slow.goOn();
    await first;
    expect(await stored()).toEqual({ n: "5000", ids: "5000" });
  });

  it("are none when the older owner's is ended by the takeover", async () => {
    const { log, slowLog, slow, stored } = await open();
    const guard = guardOf("a", await log.takeOver([0, 1], "a"));
    const first = slowLog.append(block(), guard);
    await slow.isRunning(guard.name);
    const taken = log.takeOver([0], "b");
    await slow.isEnding(guard.name);
    slow.goOn();
    const owned = await taken;
    const outcome = await first;
    const { position } = owned[0] ?? {};
    // which of the two came first is open; that both owners see the same is not
    expect(outcome.outcome).toBe(position === undefined ? "unknown" : "applied");
    const next = position === undefined ? block() : blockOf({ partition: 0, first: position, records: [] });
    if (position === undefined)
      expect(await log.append(next, guardOf("b", owned))).toEqual({ outcome: "applied" });
    expect(await stored()).toEqual({ n: "5000", ids: "5000" });
  });

  it("are none when the owner's own, unanswered, is ended before it is sent again", async () => {
    const { log, slowLog, slow, stored } = await open();
    const owned = await log.takeOver([0], "a");
    const guard = guardOf("a", owned);
    const first = slowLog.append(block(), guard);
    await slow.isRunning(guard.name);
    const ended = log.killInsert(guard.name);
    await Promise.race([ended, slow.isEnding(guard.name)]);
    // not before: an insert that is not ended here commits after the one that replaces it, and only then shows
    const sentAgain = ended.then(async () => {
      const position = (await log.positions([0])).get(0);
      // cut otherwise than before, so that the server cannot tell that it is the same
      const rest = blockOf({ partition: 0, first: position ?? 0, records: events(position ?? 0, 5_001) });
      return position ?? (await log.append(rest, guardOf("a", owned))).outcome;
    });
    await Promise.race([sentAgain, slow.isEnding(guard.name)]);
    slow.goOn();
    const outcome = (await first).outcome;
    expect([outcome, await sentAgain]).toEqual(
      outcome === "applied" ? ["applied", 5_000] : ["unknown", "applied"],
    );
    const rows = outcome === "applied" ? "5000" : "5001";
    expect(await stored()).toEqual({ n: rows, ids: rows });
  });
});
