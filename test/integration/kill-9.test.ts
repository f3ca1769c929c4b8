// P3: whatever is killed while records flow, each is accounted for once, and each insert is one whole part or not there.
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { migrate } from "../../services/adapters/clickhouse/migrate.ts";
import { type Stack, startStack } from "../../services/local/stack.ts";
import { expectAccount, expectOnePartPerBatch, fingerprint } from "../support/checks/account.ts";
import { Feed } from "../support/flows/feed.ts";
import { Flow } from "../support/flows/flow.ts";
import { killProcessors } from "../support/stack/processor-process.ts";
import { MIGRATIONS } from "../support/stack/stack.ts";

const DATABASES = ["killed", "undisturbed"];
const PARTITIONS = 3;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ databases: DATABASES });
});
afterAll(() => stack.stop());

/** Its own broker and engine, which the shared stack's users would miss. */
async function flowInto(database: string, topic?: string): Promise<Flow> {
  const { clickhouseUrl, kafkaBrokers, users } = stack;
  const server = openClickHouse({ url: clickhouseUrl, database: "default", ...users.migrate });
  await server.command(`CREATE DATABASE ${database}`);
  await server.close();
  const admin = openClickHouse({ url: clickhouseUrl, database, ...users.migrate });
  await migrate(admin, MIGRATIONS);
  const flow = await Flow.open(
    { kafkaBrokers, clickhouseUrl, users, database, admin },
    { partitions: PARTITIONS, ...(topic === undefined ? {} : { topic }) },
  );
  onTestFinished(async () => {
    await killProcessors();
    await flow.close();
    await admin.close();
  });
  return flow;
}

it("of processor, ClickHouse and broker in turn leaves the log as if nothing had happened", {
  timeout: 600_000,
}, async () => {
  const flow = await flowInto("killed");
  await flow.keepParts();
  const feed = new Feed(flow, { pauseMs: 60 });
  let processor = flow.start({ METERHOUSE_BLOCK_ROWS_MAX: "1000" });
  for (let round = 0; round < 2; round++) {
    await flow.received(feed.sent + 200);
    await processor.kill();
    processor = flow.start({ METERHOUSE_BLOCK_ROWS_MAX: "1000" });
    await flow.received(feed.sent + 200);

    await stack.killClickHouse();
    await processor.says("ClickHouse is away");
    await stack.restartClickHouse();
    await flow.received(feed.sent + 200);

    await stack.killKafka();
    await stack.restartKafka();
    await flow.received(feed.sent + 200, { withinMs: 60_000 });
  }
  const records = await feed.end();
  await flow.received(records, { withinMs: 60_000 });
  await expectAccount(flow, records);
  await expectOnePartPerBatch(flow);

  const calm = await flowInto("undisturbed", flow.topic);
  calm.start();
  await calm.received(records);
  expect(await fingerprint(flow)).toEqual(await fingerprint(calm));
});
