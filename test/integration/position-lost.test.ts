import { describe, expect, it } from "vitest";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import type { Flow } from "../support/flows/flow.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import type { ProcessorProcess } from "../support/stack/processor-process.ts";

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => encodeEvent(makeEvent(Date.now() - 1_000 - i, `e-${from + i}`)));

async function withAdmin(flow: Flow, work: (admin: ReturnType<Flow["kafka"]["admin"]>) => Promise<unknown>) {
  const admin = flow.kafka.admin();
  await admin.connect();
  await work(admin).finally(() => admin.disconnect());
}

const expire = (flow: Flow, offset: number) =>
  withAdmin(flow, async (admin) => {
    // it knows the topic's brokers only after a first question about it
    await admin.fetchTopicOffsets(flow.topic);
    await admin.deleteTopicRecords({
      topic: flow.topic,
      partitions: [{ partition: 0, offset: String(offset) }],
    });
  });

/** Ten records counted, and the processor stopped. */
async function tenCounted(): Promise<Flow> {
  const flow = await sharedFlow({ partitions: 1 });
  const processor = flow.start();
  await flow.send(events(0, 10));
  await flow.received(10);
  await processor.stop();
  return flow;
}

async function expectEnd(flow: Flow, processor: ProcessorProcess, sentence: string): Promise<void> {
  expect(await processor.exit()).toBe(1);
  const said = processor.lines.map(({ err }) => (err as { message?: string } | undefined)?.message);
  expect(said).toContain(sentence);
  await expectAccount(flow, 10);
}

describe("a position that Kafka does not hold ends the process, and nothing is skipped", () => {
  it("when records expired before they were read", async () => {
    const flow = await tenCounted();
    await flow.send(events(10, 10));
    await expire(flow, 15);
    await expectEnd(
      flow,
      flow.start(),
      `Partition 0 of ${flow.topic} holds offsets 15 to 20, but usage_log goes on at 10. Records expired before they were read: restore them, or accept exactly this loss: meterhouse topic gap --partition 0 --from 10 --to 15 --reason TEXT.`,
    );
  });

  it("when they expire under the eyes of a running process", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    const processor = flow.start();
    await flow.send(events(0, 10));
    await flow.received(10);
    // asleep it gets the answer to the fetch that is on its way, and nothing of what comes later
    processor.signal("SIGSTOP");
    await flow.send(events(10, 1));
    // one by one: a batch of records is handed out whole though its beginning has expired
    for (let i = 11; i < 21; i++) await flow.send(events(i, 1));
    await expire(flow, 15);
    processor.signal("SIGCONT");
    await flow.send(events(21, 1));
    expect(await processor.exit()).toBe(1);
    // an insert that was on its way may still commit; a new owner ends it, and from then on the log stands still
    await flow.takeOver([0]);
    const { received } = await flow.totals();
    expect(received).toBeLessThanOrEqual(11);
    await expectAccount(flow, received);
    expect(processor.tail()).toContain("Records expired before they were read");
  });

  it("when all of them expired and none came since", async () => {
    const flow = await tenCounted();
    await flow.send(events(10, 10));
    await expire(flow, 20);
    await expectEnd(
      flow,
      flow.start(),
      `Partition 0 of ${flow.topic} holds offsets 20 to 20, but usage_log goes on at 10. Records expired before they were read: restore them, or accept exactly this loss: meterhouse topic gap --partition 0 --from 10 --to 20 --reason TEXT.`,
    );
  });

  it("but not when exactly what was counted expired", async () => {
    const flow = await tenCounted();
    await expire(flow, 10);
    flow.start();
    await flow.send(events(10, 5));
    await flow.received(15);
    await expectAccount(flow, 15);
  });
});
