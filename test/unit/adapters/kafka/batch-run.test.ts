import { createRequire } from "node:module";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { KafkaMessage } from "kafkajs";
import { describe, expect, it } from "vitest";
import { BatchRun, firstOffset } from "../../../../services/adapters/kafka/batch-run.ts";
import "../../../../services/adapters/kafka/client.ts";
import { WholeBatch } from "../../../../services/adapters/kafka/whole-batches.ts";
import { long } from "../../../support/builders/raw-avro.ts";
import {
  LOG_APPEND_TIME,
  type RawBatch,
  type RawRecord,
  rawBatch,
  rawKafkaRecord,
} from "../../../support/builders/record-batch.ts";

const require = createRequire(import.meta.url);
const Decoder = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => { offset: number };
/** What kafkajs decodes a record batch with: ours, once client.ts was imported. */
const decode = require("kafkajs/src/protocol/recordBatch/v0/decoder") as (
  decoder: unknown,
) => Promise<{ records: KafkaMessage[] }>;

const APPENDED_MS = 1_795_437_000_000;
const utf8 = (text: string): Buffer => Buffer.from(text);

interface Seen {
  readonly offset: number;
  readonly ingestedAtMs: number;
  readonly key: string | null;
  readonly value: string | null;
}

function recordsOf(messages: readonly KafkaMessage[]): Seen[] {
  const run = new BatchRun(messages);
  const found: Seen[] = [];
  while (run.next()) {
    const { bytes, view, offset, ingestedAtMs, keyStart, keyLength, valueStart, valueLength } = run.record;
    const part = (start: number, length: number): string | null =>
      length < 0 ? null : Buffer.from(bytes.subarray(start, start + length)).toString("latin1");
    expect([view.buffer, view.byteOffset]).toEqual([bytes.buffer, bytes.byteOffset]);
    found.push({
      offset,
      ingestedAtMs,
      key: part(keyStart, keyLength),
      value: part(valueStart, valueLength),
    });
  }
  expect(run.next()).toBe(false);
  return found;
}

function batchOf(
  firstOffset: number,
  records: readonly RawRecord[],
  changes: Partial<RawBatch> = {},
): Buffer {
  return rawBatch({
    firstOffset,
    lastOffsetDelta: Math.max(0, ...records.map(({ offsetDelta }) => offsetDelta)),
    count: records.length,
    attributes: LOG_APPEND_TIME,
    firstTimestampMs: 1,
    maxTimestampMs: APPENDED_MS,
    records: Buffer.concat(records.map(rawKafkaRecord)),
    ...changes,
  });
}

/** The batches of one fetch, as kafkajs hands them on. */
async function decoded(...batches: readonly Buffer[]): Promise<KafkaMessage[]> {
  const decoder = new Decoder(Buffer.concat(batches));
  const messages: KafkaMessage[] = [];
  for (let i = 0; i < batches.length; i++) messages.push(...(await decode(decoder)).records);
  return messages;
}
const read = async (...batches: readonly Buffer[]): Promise<Seen[]> => recordsOf(await decoded(...batches));

const simple = (offsetDelta: number): RawRecord => ({
  key: utf8("k"),
  value: utf8(`v${offsetDelta}`),
  offsetDelta,
});
const bytes = fc.option(fc.uint8Array({ maxLength: 200 }));
const anyRecord = fc.record({
  key: bytes,
  value: bytes,
  headers: fc.array(fc.tuple(fc.string({ maxLength: 5 }), bytes), { maxLength: 3 }),
  gap: fc.integer({ min: 1, max: 3 }),
});

describe("records of whole record batches", () => {
  it("are what was written, over several batches, with nulls, headers and gaps", async () => {
    const anyBatch = fc.tuple(fc.array(anyRecord, { maxLength: 8 }), fc.nat(5));
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyBatch, { maxLength: 4 }),
        fc.integer({ min: 0, max: 2 ** 50 }),
        async (all, start) => {
          let next = start;
          const expected: Seen[] = [];
          const batches = all.map(([records, behind]) => {
            let delta = -1;
            const raw = records.map(({ gap, ...record }) => {
              delta += gap;
              return { ...record, offsetDelta: delta };
            });
            const latin1 = (part: Uint8Array | null): string | null =>
              part === null ? null : Buffer.from(part).toString("latin1");
            for (const { offsetDelta, key, value } of raw) {
              expected.push({
                offset: next + offsetDelta,
                ingestedAtMs: APPENDED_MS,
                key: latin1(key),
                value: latin1(value),
              });
            }
            // compaction leaves the last offset of a batch standing when its record is gone
            const lastOffsetDelta = Math.max(0, delta) + behind;
            const batch = batchOf(next, raw, { lastOffsetDelta });
            next += lastOffsetDelta + 1;
            return batch;
          });
          const messages = await decoded(...batches);
          expect(recordsOf(messages)).toEqual(expected);
          expect(messages.map(({ offset }) => offset).at(-1) ?? String(start - 1)).toBe(String(next - 1));
          expect(firstOffset(messages)).toBe(all.length === 0 ? Number.NaN : start);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("of 100 KB are read where they lie", async () => {
    const value = Buffer.alloc(100_000, 0x61);
    const [record] = await read(batchOf(5, [{ key: Buffer.alloc(300), value, offsetDelta: 0 }]));
    expect(record).toMatchObject({ offset: 5, value: value.toString() });
  });

  it("carry the producer's time only where the broker does not put its own", async () => {
    const deltas = [0, 63, 2 ** 31, 2 ** 40, -5, -1_000];
    const records = deltas.map((timeDelta, i) => ({ ...simple(i), timeDelta }));
    const times = async (changes: Partial<RawBatch>): Promise<number[]> =>
      (await read(batchOf(0, records, changes))).map(({ ingestedAtMs }) => ingestedAtMs);
    expect(await times({ attributes: 0, firstTimestampMs: 1_000 })).toEqual(
      deltas.map((delta) => 1_000 + delta),
    );
    // none at all, and one of a far future: both can be stored
    expect(await times({ attributes: 0, firstTimestampMs: -1 })).toContain(0);
    const far = await times({ attributes: 0, firstTimestampMs: 2 ** 53 - 2 ** 41 });
    expect(Math.max(...far) / 1000).toBeLessThan(2 ** 32);
    expect(new Set(await times({}))).toEqual(new Set([APPENDED_MS]));
  });

  it.each([
    ["gzip", 1, gzipSync],
    ["zstd", 4, zstdCompressSync],
  ])("may be compressed by %s", async (_name, codec, compress) => {
    const raw = [simple(0), simple(1)];
    const records = compress(Buffer.concat(raw.map(rawKafkaRecord)));
    const found = await read(batchOf(9, raw, { attributes: LOG_APPEND_TIME | codec, records }));
    expect(found.map(({ offset, value }) => [offset, value])).toEqual([
      [9, "v0"],
      [10, "v1"],
    ]);
  });

  it("leave Kafka's own control batches to kafkajs", async () => {
    const marker: RawRecord = { key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6), offsetDelta: 0 };
    const [message] = await decoded(batchOf(3, [marker], { attributes: 0x30 }));
    expect(message?.attributes).not.toBeInstanceOf(WholeBatch);
    expect(message).toMatchObject({ isControlRecord: true });
  });

  it("refuse messages that kafkajs has decoded itself", () => {
    const message = { offset: "0", value: Buffer.alloc(3), attributes: 0 } as unknown as KafkaMessage;
    expect(() => recordsOf([message])).toThrow("import client.ts");
    expect(() => firstOffset([message])).toThrow("import client.ts");
  });
});

describe("a damaged record batch", () => {
  const good = [simple(0), simple(1), simple(2)];
  const damaged = async (changes: Partial<RawBatch>): Promise<void> => {
    await expect(read(batchOf(40, good, changes))).rejects.toThrow("starts at offset 40 is damaged");
  };
  const raw = Buffer.concat(good.map(rawKafkaRecord));
  const last = rawKafkaRecord(simple(2)).length;

  it("throws if records are missing", () => damaged({ count: 4 }));
  it("throws if records are left over", () => damaged({ count: 2 }));
  it("throws if it says that it is empty and is not", () => damaged({ count: 0 }));
  it("throws if its end is cut", async () => {
    for (let gone = 1; gone <= last; gone++) await damaged({ records: raw.subarray(0, raw.length - gone) });
  });
  it("throws if it is cut before the first record", () => damaged({ records: Buffer.alloc(0) }));
  it("throws if a length never ends", () => damaged({ records: Buffer.alloc(200, 0xff) }));
  it("throws if an offset lies behind the batch's last", () => damaged({ lastOffsetDelta: 1 }));

  /** A record whose parts are given as bytes. */
  const odd = (...parts: readonly Uint8Array[]): Promise<void> => {
    const body = Buffer.concat([Buffer.from([0]), ...parts]);
    return damaged({ count: 1, lastOffsetDelta: 0, records: Buffer.concat([long(body.length), body]) });
  };
  it("throws if an offset lies before its first", () => odd(long(0), long(-1), long(-1), long(-1), long(0)));
  it("throws if a key is longer than its record", () => odd(long(0), long(0), long(500), long(-1), long(0)));
  it("throws if a key ends where its record does", () => odd(long(0), long(0), long(3), utf8("abc")));
  it("throws if a value is longer than its record", () =>
    odd(long(0), long(0), long(-1), long(2), utf8("a")));
  it("throws if a length is negative", () => damaged({ count: 1, records: long(-7) }));

  it("throws or is read, but never hangs and never reads beyond its bytes", async () => {
    const change = fc.tuple(fc.nat(raw.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.nat(6),
        async (changes, count) => {
          const records = Buffer.from(raw);
          for (const [at, byte] of changes) records[at] = byte;
          const messages = await decoded(batchOf(40, good, { records, count }));
          const run = new BatchRun(messages);
          try {
            while (run.next()) {
              const { record } = run;
              expect(record.offset >= 40 && record.offset <= 42).toBe(true);
              expect(record.keyStart + Math.max(0, record.keyLength)).toBeLessThanOrEqual(raw.length);
              expect(record.valueStart + Math.max(0, record.valueLength)).toBeLessThanOrEqual(raw.length);
            }
          } catch (error) {
            expect(String(error)).toContain("is damaged");
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is fetched again by kafkajs if the fetch cut it", async () => {
    const batch = batchOf(0, good);
    for (const length of [batch.length - 1, 61, 30]) {
      await expect(decoded(batch.subarray(0, length))).rejects.toMatchObject({
        name: "KafkaJSPartialMessageError",
      });
    }
  });
});
