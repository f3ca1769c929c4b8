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
/** Places in a record batch. */
const AT = { length: 8, codec: 22, count: 57, records: 61 };

const events = (prefix: string, count: number): EncodedRecord[] =>
  Array.from({ length: count }, (_, i) => encodeEvent(makeEvent(Date.now() - 1_000 - i, `${prefix}-${i}`)));

const rejects = (flow: Flow): Promise<{ offset: number; code: string; detail: string; raw: string }[]> =>
  flow.query(
    `SELECT toUInt32(kafka_offset) AS offset, reject_code AS code, reject_detail AS detail, lower(hex(raw)) AS raw
     FROM rejected_events ORDER BY offset`,
  );

/** Codecs of a partition's batches, as the broker has them. */
async function codecsInLog(flow: Flow): Promise<Set<number>> {
  const log = await openLog(flow, 0);
  const bytes = await log.readFile().finally(() => log.close());
  return new Set(spans(bytes).map(([start]) => (bytes[start + AT.codec] as number) & 7));
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

/** Where the batches of a log begin and end. */
function spans(bytes: Buffer): (readonly [start: number, end: number])[] {
  const found: [number, number][] = [];
  for (let at = 0; at + AT.records <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + AT.length);
    found.push([at, end]);
    at = end;
  }
  return found;
}

function written(batch: Buffer, at: number, ...bytes: readonly number[]): Buffer {
  batch.set(bytes, at);
  return batch;
}

type Change = (batch: Buffer) => Buffer;
const otherByte: Change = (batch) => written(batch, batch.length - 9, 1, 2, 3);
const otherRecords: Change = (batch) => withChecksum(batch.fill(0x5a, AT.records));
const unknownCodec: Change = (batch) => withChecksum(written(batch, AT.codec, 8 | 7));
const absurdCount: Change = (batch) => withChecksum(written(batch, AT.count, 0x7f, 0xff, 0xff, 0xff));

/** One batch of five records each. */
const DAMAGE: readonly (readonly [Codec, Change, code: string, detail: RegExp])[] = [
  ...CODECS.map((codec) => [codec, otherByte, "BATCH_DAMAGED", /checksum/] as const),
  ...CODECS.slice(1).map((codec) => [codec, otherRecords, "BATCH_DAMAGED", /do not decompress/] as const),
  ["none", otherRecords, "BATCH_DAMAGED", /within its bytes/],
  ["lz4", unknownCodec, "BATCH_CODEC_UNKNOWN", /codec 7/],
  ["none", absurdCount, "BATCH_DAMAGED", /2147483647 records in 5 offsets/],
];

describe("a batch that cannot be decoded is rejected, and those behind it are counted", () => {
  it("if it holds more than the bound", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    const processor = flow.start({ METERHOUSE_BATCH_BYTES_MAX: "1048576" });
    const bomb = { key: randomBytes(16), value: Buffer.alloc(3_000_000) };
    for (const codec of CODECS.slice(1)) {
      await produceBy("java", flow, codec, [bomb]);
      await produceBy("librdkafka", flow, codec, events(codec, 5));
    }
    expect(await flow.received(24)).toMatchObject({ received: 24, counted: 20, rejected: 4 });
    const rows = await rejects(flow);
    expect(rows.map(({ code }) => code)).toEqual(Array(4).fill("BATCH_TOO_LARGE"));
    for (const [i, codec] of CODECS.slice(1).entries()) {
      expect(rows[i]?.detail).toMatch(`of ${codec} are more than 1048576 decompressed`);
    }
    await expectAccount(flow, 24);
    expect(await processor.stop()).toBe(0);
  });

  it("if it is damaged in the broker's log", async () => {
    const flow = await sharedFlow({ partitions: 1 });
    for (const [i, [codec]] of DAMAGE.entries()) {
      await produceBy("librdkafka", flow, codec, events(`damaged-${i}`, 5));
      await produceBy("librdkafka", flow, codec, events(`good-${i}`, 5));
    }
    const log = await openLog(flow, 0);
    const bytes = await log.readFile();
    const batches = spans(bytes);
    expect(batches).toHaveLength(2 * DAMAGE.length);
    const changed: Buffer[] = [];
    for (const [i, [, change]] of DAMAGE.entries()) {
      const [start, end] = batches[2 * i] as readonly [number, number];
      const batch = change(Buffer.from(bytes.subarray(start, end)));
      await log.write(batch, 0, batch.length, start);
      changed.push(batch);
    }
    await log.close();
    const processor = flow.start();
    const half = 5 * DAMAGE.length;
    expect(await flow.received(2 * half)).toMatchObject({ counted: half, rejected: half });
    await expectAccount(flow, 2 * half);
    const rows = await rejects(flow);
    for (const [i, [codec, , code, detail]] of DAMAGE.entries()) {
      const ofBatch = rows.slice(5 * i, 5 * i + 5);
      const what = `${codec}, batch ${i}`;
      expect(
        ofBatch.map(({ offset }) => offset),
        what,
      ).toEqual([0, 1, 2, 3, 4].map((at) => 10 * i + at));
      expect(new Set(ofBatch.map((row) => row.code)), what).toEqual(new Set([code]));
      expect(ofBatch[0]?.detail, what).toMatch(detail);
      expect(
        ofBatch.map(({ raw }) => raw),
        what,
      ).toEqual([changed[i]?.toString("hex"), "", "", "", ""]);
    }
    expect(await processor.stop()).toBe(0);
  });
});
