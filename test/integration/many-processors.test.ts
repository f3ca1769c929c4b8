import { expect, it } from "vitest";
import { expectAccount } from "../support/checks/account.ts";
import { eventually } from "../support/checks/eventually.ts";
import { Feed } from "../support/flows/feed.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import type { ProcessorProcess } from "../support/stack/processor-process.ts";

const PARTITIONS = 6;

/** Resolves once the processors own all partitions by what each said last, as many each. */
async function shared(...processors: readonly ProcessorProcess[]): Promise<void> {
  await eventually(`${processors.length} processors share the topic`, () => {
    const owned = processors.map(
      ({ lines }) => lines.findLast(({ msg }) => msg === "took over")?.["partitions"],
    );
    const isFair = owned.every((own) => Array.isArray(own) && own.length === PARTITIONS / processors.length);
    return isFair && new Set(owned.flat()).size === PARTITIONS ? true : undefined;
  });
}

it("share a topic, come and go while records flow, and every record is counted once", async () => {
  const flow = await sharedFlow({ partitions: PARTITIONS });
  const feed = new Feed(flow);
  const first = flow.start();
  await shared(first);
  const second = flow.start();
  await shared(first, second);
  const third = flow.start();
  await shared(first, second, third);
  await flow.received(feed.sent);
  expect(await first.stop()).toBe(0);
  await shared(second, third);
  await flow.received(feed.sent);
  await second.kill();
  // nobody knows yet that it is dead; the group finds out when its session is over
  await shared(third);
  const fourth = flow.start();
  await shared(third, fourth);
  const records = await feed.end();
  const { duplicates, conflicts, rejected } = await flow.received(records);
  expect([duplicates > 0, conflicts > 0, rejected > 0]).toEqual([true, true, true]);
  await expectAccount(flow, records);
  expect(await Promise.all([third.stop(), fourth.stop()])).toEqual([0, 0]);
});
