// One leads at a time, whatever was on its way. What settlement's store refuses is in test/contract/settlement-writes.test.ts.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { Leader, LeaderBusyError } from "../../services/adapters/clickhouse/leader.ts";
import { ClickHouseLogDays } from "../../services/adapters/clickhouse/log-days.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { bookOf } from "../../services/billing/books/books.ts";
import type { Clock } from "../../services/domain/ports/clock.ts";
import type { NewDocument } from "../../services/domain/ports/documents.ts";
import type { Lease } from "../../services/domain/ports/leases.ts";
import { demoBook } from "../support/builders/price-books.ts";

import { haltInserts } from "../support/doubles/halted-insert.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await freshDatabase();
});
afterEach(() => database.drop());

function documentsOf(owner: string, clock: Clock = systemClock, client = database.open("pricing")) {
  return new ClickHouseDocuments(client, database.name, owner, clock);
}

/** So long that the server has to run the insert when it has half of it: it looks for the statement in the first 256 KiB. */
const TEXT = "x".repeat(1_000_000);

function draft(version: number, written_by: string): NewDocument {
  const content = { text: TEXT };
  return { kind: "price_book", id: "a", version, content, written_by, reason: "because" };
}

/** As if the owner's lease had run out. */
function expire(role: "pricing" | "jobs", epoch: bigint, owner: string): Promise<void> {
  return new Leader(database.open(role), role, database.name).release({ epoch, owner });
}

/** Waiting takes no time, so that whoever waits for the lead gives up at once. */
function impatientClock(): Clock {
  let ms = 0;
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => {
      ms += 60_000;
      return ms;
    },
    sleep: async () => undefined,
  };
}

async function lead(leader: Leader, owner: string): Promise<Lease> {
  const answer = await leader.take(owner, 60_000);
  if (answer.kind !== "held") throw new Error(`${answer.owner} leads`);
  return answer.lease;
}

describe("a document", () => {
  it("is not written by who led before, while another leads", async () => {
    const one = documentsOf("one", impatientClock());
    const two = new Leader(database.open("pricing"), "pricing", database.name);
    const written = one.append(async () => {
      await expire("pricing", 1n, "one");
      expect(await two.take("two", 60_000)).toMatchObject({ kind: "held" });
      return [draft(1, "one")];
    });
    await expect(written).rejects.toThrow(LeaderBusyError);
    expect(await one.newest("price_book", "a")).toBeNull();
  });

  it("is not written by a lead that is over, but by the next", async () => {
    const one = documentsOf("one");
    let turns = 0;
    const answer = await one.append(async () => {
      turns += 1;
      if (turns === 1) await expire("pricing", 1n, "one");
      await systemClock.sleep(2);
      return [draft(1, "one")];
    });
    expect([answer, turns]).toEqual(["written", 2]);
  });

  it("that was on its way is ended by the next leader, and so is written once", async () => {
    const slow = haltInserts(database.open("pricing"), database.open("migrate"));
    const one = documentsOf("one", systemClock, slow.client);
    const two = documentsOf("two");
    const queryId = `pricing:${database.name}:1:one`;
    const first = one.append([draft(1, "one")]);
    await slow.isRunning(queryId);
    await expire("pricing", 1n, "one");
    const second = two.append([draft(1, "two")]);
    await Promise.race([second, slow.isEnding(queryId)]);
    slow.goOn();
    const answers = await Promise.all([first, second]);
    expect(answers.toSorted()).toEqual(["version_taken", "written"]);
    expect(await two.versions("price_book", "a", 5)).toHaveLength(1);
  });
});

it("a day is not put down for dropping by who led before, nor when the lead is over", async () => {
  const jobs = database.open("jobs");
  const leader = new Leader(jobs, "jobs", database.name);
  const days = new ClickHouseLogDays(jobs, database.open("retention"), leader, database.name);
  const one = await lead(leader, "one");
  await leader.release(one);
  await systemClock.sleep(2);
  const empty = { day_rows: 0n, fingerprint: 0n, file: "x.parquet", sha256: "0".repeat(64), bytes: 0 };
  const day = { ...empty, ingest_day: "2026-11-23" };
  await expect(days.recordDrop(day, 0, one)).rejects.toThrow("METERHOUSE_LEASE_OVER");
  const two = await lead(leader, "two");
  await expect(days.recordDrop(day, 0, one)).rejects.toThrow("METERHOUSE_STALE_LEADER");
  expect(await days.recordDrop(day, 0, two)).toBe("recorded");
});

it("the lead is not taken from another while it runs, nor back from who came after", async () => {
  const leader = new Leader(database.open("jobs"), "jobs", database.name);
  const one = await lead(leader, "one");
  // as one who has seen the lease before the other had it
  const next = { epoch: one.epoch + 1n, owner: "two" };
  await expect(leader.renew(next, 60_000)).rejects.toThrow("METERHOUSE_LEASE_HELD");
  await leader.release(one);
  await leader.renew(next, 0);
  await expect(leader.renew(one, 60_000)).rejects.toThrow("METERHOUSE_STALE_LEADER");
});

it("a price book is not published by who led before, nor when the lead is over", async () => {
  const leader = new Leader(database.open("pricing"), "settlement", database.name);
  const book = bookOf(demoBook(), "draft", { hash: sha256 });
  const publish = (lease: Lease) =>
    leader.guarded("settlement_publish_book", { ...book, ...lease }, `${book.hash}:${lease.epoch}`);
  const one = await lead(leader, "one");
  await leader.release(one);
  await systemClock.sleep(2);
  await expect(publish(one)).rejects.toThrow("METERHOUSE_LEASE_OVER");
  const two = await lead(leader, "two");
  await expect(publish(one)).rejects.toThrow("METERHOUSE_STALE_LEADER");
  await publish(two);
});
