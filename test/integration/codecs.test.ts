import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { EncodedRecord } from "../../services/domain/ports/records.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { withChecksum } from "../support/builders/record-batch.ts";
import { expectAccount } from "../support/checks/account.ts";
import { type Flow, sharedFlow } from "../support/flows/flow.ts";
import { type Codec, openLog, type Producer, produceBy } from "../support/foreign/producers.ts";

const CODECS: readonly Codec[] = ["none", "gzip", "snappy", "lz4", "zstd"];
const PRODUCERS: readonly Producer[] = ["java", "librdkafka"];
const AT = { length: 8, checksum: 17, codec: 22, records: 61 };

const events = (prefix: string, count: number): EncodedRecord[] =>
  Array.from({ length: count }, (_, i) => encodeEvent(makeEvent(Date.now() - 1_000 - i, `${prefix}-${i}`)));

/** What rejects say, by code: how many, bytes kept, and their details. */
const rejects = (flow: Flow): Promise<{ code: string; rows: string; bytes: string; detail: string }[]> =>
  flow.query(
    `SELECT reject_code AS code, count() AS rows, sum(length(raw)) AS bytes,
       argMin(reject_detail, kafka_offset) AS detail
     FROM rejected_events GROUP BY code ORDER BY code`,
  );

/** Codecs of a partition's batches, as the broker has them. */
async function codecsInLog(flow: Flow): Promise<Set<number>> {
  const found = new Set<number>();
  const log = await openLog(flow, 0);
  const bytes = await log.readFile().finally(() => log.close());
  for (let at = 0; at + AT.records <= bytes.length; at += 12 + bytes.readInt32BE(at + AT.length)) {
    found.add((bytes[at + AT.codec] as number) & 7);
  }
  return found;
}

describe.each(PRODUCERS)("records of %s are counted", (producer) => {
  it("whatever they are compressed by, beside those of other codecs", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    flow.start();
    const count = 500;
    for (const codec of CODECS) await produceBy(producer, flow, codec, events(codec, count));
    const records = count * CODECS.length;
    expect(await flow.received(records)).toMatchObject({ received: records, counted: records });
    expect([...(await codecsInLog(flow))].sort()).toEqual([0, 1, 2, 3, 4]);
    await expectAccount(flow, records);
  });
});

describe("a batch that cannot be decoded is rejected, and those behind it are counted", () => {
  it.each(CODECS)("if it holds more than the bound, by %s", async (codec) => {
    const flow = await sharedFlow({ partitions: 1 });
    const processor = flow.start({ METERHOUSE_BATCH_BYTES_MAX: "1048576" });
    const key = randomBytes(16);
    await produceBy("librdkafka", flow, codec, events("before", 5));
    const bomb = { key, value: Buffer.alloc(codec === "none" ? 900_000 : 3_000_000) };
    await produceBy("java", flow, codec, [bomb]);
    await produceBy("librdkafka", flow, codec, events("behind", 5));
    expect(await flow.received(11)).toMatchObject({ received: 11, counted: 10, rejected: 1 });
    const [reject] = await rejects(flow);
    expect(reject?.code).toBe(codec === "none" ? "RECORD_TOO_LARGE" : "BATCH_TOO_LARGE");
    if (codec !== "none") expect(reject?.detail).toMatch(`of ${codec} are more than 1048576 decompressed`);
    await expectAccount(flow, 11);
    expect(await processor.stop()).toBe(0);
  });

  /** What becomes of the second of three batches of five records, once its bytes in the broker's log are others. */
  async function afterChange(codec: Codec, change: (batch: Buffer) => Uint8Array): Promise<Flow> {
    const flow = await sharedFlow({ partitions: 1 });
    for (const part of ["first", "second", "third"])
      await produceBy("librdkafka", flow, codec, events(part, 5));
    const log = await openLog(flow, 0);
    const bytes = await log.readFile();
    const start = 12 + bytes.readInt32BE(AT.length);
    const end = start + 12 + bytes.readInt32BE(start + AT.length);
    expect(bytes.readBigInt64BE(start)).toBe(5n);
    const changed = change(Buffer.from(bytes.subarray(start, end)));
    expect(changed.length).toBe(end - start);
    await log.write(changed, 0, changed.length, start);
    await log.close();
    const processor = flow.start();
    expect(await flow.received(15)).toMatchObject({ received: 15, counted: 10, rejected: 5 });
    await expectAccount(flow, 15);
    const kept = await flow.query(
      `SELECT toUInt32(kafka_offset) AS offset, hex(raw) AS raw FROM rejected_events ORDER BY offset`,
    );
    const raw = Buffer.from(changed).toString("hex").toUpperCase();
    expect(kept).toEqual([5, 6, 7, 8, 9].map((offset) => ({ offset, raw: offset === 5 ? raw : "" })));
    expect(await processor.stop()).toBe(0);
    return flow;
  }

  const written = (batch: Buffer, at: number, ...bytes: readonly number[]): Buffer => {
    batch.set(bytes, at);
    return batch;
  };

  it.each(CODECS)("if its bytes are others than its checksum says, by %s", async (codec) => {
    const flow = await afterChange(codec, (batch) => written(batch, batch.length - 9, 1, 2, 3));
    expect(await rejects(flow)).toMatchObject([
      { code: "BATCH_DAMAGED", detail: expect.stringMatching(/checksum/) },
    ]);
  });

  it.each(CODECS.slice(1))("if %s did not write them", async (codec) => {
    const flow = await afterChange(codec, (batch) => withChecksum(batch.fill(0x5a, AT.records)));
    expect(await rejects(flow)).toMatchObject([
      { code: "BATCH_DAMAGED", detail: expect.stringMatching(/do not decompress/) },
    ]);
  });

  it("if nobody knows its codec", async () => {
    const flow = await afterChange("lz4", (batch) => withChecksum(written(batch, AT.codec, 8 | 7)));
    expect(await rejects(flow)).toMatchObject([{ code: "BATCH_CODEC_UNKNOWN" }]);
  });

  it("if it says that it holds two thousand million records", async () => {
    const flow = await afterChange("none", (batch) =>
      withChecksum(written(batch, 57, 0x7f, 0xff, 0xff, 0xff)),
    );
    expect(await rejects(flow)).toMatchObject([
      { code: "BATCH_DAMAGED", detail: expect.stringMatching(/2147483647 records/) },
    ]);
  });
});
