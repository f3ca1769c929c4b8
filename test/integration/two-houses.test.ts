// One ClickHouse may serve several databases of Meterhouse. A takeover in one of them leaves the inserts of the others alone,
// though their partitions have the same numbers.
import { expect, it } from "vitest";
import { clickHouseUsageLog } from "../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { eventually } from "../support/checks/eventually.ts";
import { databaseOfTest } from "../support/stack/stack.ts";

it("a takeover ends inserts of its own database only", async () => {
  const [ours, theirs] = await Promise.all([databaseOfTest(), databaseOfTest()]);
  const queryId = `usage_log/0/${theirs.name}`;
  const slow = theirs.open("processor").command("SELECT sleepEachRow(1) FROM numbers(2)", { queryId });
  const admin = ours.open("migrate");
  await eventually("the slow query runs", async () => {
    const running = await admin.query("SELECT 1 FROM system.processes WHERE query_id = {queryId:String}", {
      queryId,
    });
    return running[0];
  });
  await clickHouseUsageLog(ours.open("processor"), systemClock).takeOver([0], "a");
  await expect(slow).resolves.toBeUndefined();

  const killed = theirs
    .open("processor")
    .command("SELECT sleepEachRow(1) FROM numbers(2)", { queryId: `${queryId}-2` });
  const outcome = expect(killed).rejects.toThrow(/cancelled/);
  await eventually("the other slow query runs", async () => {
    const running = await admin.query("SELECT 1 FROM system.processes WHERE query_id = {queryId:String}", {
      queryId: `${queryId}-2`,
    });
    return running[0];
  });
  await clickHouseUsageLog(theirs.open("processor"), systemClock).takeOver([0], "a");
  await outcome;
});
