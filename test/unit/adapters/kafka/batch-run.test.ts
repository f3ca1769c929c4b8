import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { KafkaMessage } from "kafkajs";
import { describe, expect, it } from "vitest";
import {
  type BatchLimits,
  BatchRun,
  firstOffset,
  portions,
} from "../../../../services/adapters/kafka/batch-run.ts";
import "../../../../services/adapters/kafka/client.ts";
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
/** Batches of ten records as brokers stored them, in base64, by producer and codec. */
const FOREIGN = JSON.parse(readFileSync(new URL("foreign-batches.json", import.meta.url), "utf8")) as Record<
  string,
  Record<string, string>
>;
const LIMITS: BatchLimits = { bytesMax: 1 << 20, nowMs: APPENDED_MS + 5, offsetMax: 2 ** 52 };
const utf8 = (text: string): Buffer => Buffer.from(text);

interface Seen {
  readonly offset: number;
  readonly ingestedAtMs: number;
  readonly key: string | null;
  readonly value: string | null;
}

function recordsOf(messages: readonly KafkaMessage[]): Seen[] {
  const run = new BatchRun(messages, LIMITS);
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

  it("of 64 KiB are read where they lie", async () => {
    const value = Buffer.alloc(65_536, 0x61);
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

  it.each(["java", "librdkafka"])(
    "of %s are the same ones, whatever they are compressed by",
    async (producer) => {
      const values: (string | null)[][] = [];
      for (const batch of Object.values(FOREIGN[producer] ?? {})) {
        values.push((await read(Buffer.from(batch, "base64"))).flatMap(({ key, value }) => [key, value]));
      }
      expect(values).toHaveLength(5);
      expect(new Set(values[0]).size).toBe(20);
      for (const others of values) expect(others).toEqual(values[0]);
    },
  );

  it("pass Kafka's own control batches by, over their offsets", async () => {
    const marker: RawRecord = { key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6), offsetDelta: 0 };
    const messages = await decoded(batchOf(3, [marker], { attributes: 0x30 }));
    expect(messages).toMatchObject([{ offset: "3", isControlRecord: false, isAbortMarker: false }]);
    expect(recordsOf(messages)).toEqual([]);
  });

  it("refuse messages that kafkajs has decoded itself", () => {
    const message = { offset: "0", value: Buffer.alloc(3), attributes: 0 } as unknown as KafkaMessage;
    expect(() => recordsOf([message])).toThrow("import client.ts");
    expect(() => firstOffset([message])).toThrow("import client.ts");
  });
});

describe("a damaged record batch", () => {
  const good = [simple(0), simple(1), simple(2)];
  const raw = Buffer.concat(good.map(rawKafkaRecord));
  const last = rawKafkaRecord(simple(2)).length;
  const behind = batchOf(43, [simple(0)]);

  /** Offsets and codes of what becomes of a batch at 40, and of a good one at 43 behind it. */
  async function outcome(batch: Buffer): Promise<string[]> {
    const run = new BatchRun(await decoded(batch, behind), LIMITS);
    const found: string[] = [];
    while (run.next()) found.push(`${run.record.offset} ${run.record.fault?.code ?? "read"}`);
    return found;
  }
  const none = ["40 BATCH_DAMAGED", "41 BATCH_DAMAGED", "42 BATCH_DAMAGED", "43 read"];
  const afterwards = ["40 read", "41 read", "42 BATCH_DAMAGED", "43 read"];
  const damaged = async (changes: Partial<RawBatch>, expected = none): Promise<void> => {
    expect(await outcome(batchOf(40, good, changes))).toEqual(expected);
  };

  it("is rejected if records are missing", () => damaged({ count: 4 }));
  it("is rejected from the record on behind which bytes are left", () =>
    damaged({ count: 2 }, ["40 read", "41 BATCH_DAMAGED", "42 BATCH_DAMAGED", "43 read"]));
  it("is rejected if it says that it is empty and is not", () => damaged({ count: 0 }));
  it("is rejected if it says that it holds fewer than none", () => damaged({ count: -1 }));
  it("is rejected if it says that it holds two thousand million", () => damaged({ count: 2 ** 31 - 1 }));
  it("is rejected from where its end is cut", async () => {
    for (let gone = 1; gone <= last; gone++) {
      await damaged({ records: raw.subarray(0, raw.length - gone) }, afterwards);
    }
  });
  it("is rejected if it is cut before the first record", () => damaged({ records: Buffer.alloc(0) }));
  it("is rejected if a length never ends", () => damaged({ records: Buffer.alloc(200, 0xff) }));
  it("is rejected if two records have one offset", () =>
    damaged({ records: Buffer.concat([simple(0), simple(0), simple(2)].map(rawKafkaRecord)) }, [
      "40 read",
      ...none.slice(1),
    ]));

  /** A record whose parts are given as bytes. */
  const odd = (...parts: readonly Uint8Array[]): Promise<void> => {
    const body = Buffer.concat([Buffer.from([0]), ...parts]);
    return damaged({ count: 1, records: Buffer.concat([long(body.length), body]) });
  };
  it("is rejected if an offset lies before its first", () =>
    odd(long(0), long(-1), long(-1), long(-1), long(0)));
  it("is rejected if an offset lies behind its last", () =>
    odd(long(0), long(3), long(-1), long(-1), long(0)));
  it("is rejected if a key is longer than its record", () =>
    odd(long(0), long(0), long(500), long(-1), long(0)));
  it("is rejected if a key ends where its record does", () => odd(long(0), long(0), long(3), utf8("abc")));
  it("is rejected if a value is longer than its record", () =>
    odd(long(0), long(0), long(-1), long(2), utf8("a")));
  it("is rejected if a length is negative", () => damaged({ count: 1, records: long(-7) }));

  it.each([5, 6, 7])("is rejected if nobody knows codec %i", (codec) =>
    damaged({ attributes: LOG_APPEND_TIME | codec }, [
      ...[40, 41, 42].map((offset) => `${offset} BATCH_CODEC_UNKNOWN`),
      "43 read",
    ]),
  );
  it.each([1, 2, 3, 4])("is rejected if codec %i did not write its bytes", (codec) =>
    damaged({ attributes: LOG_APPEND_TIME | codec, records: Buffer.from("no such bytes") }),
  );
  it("is rejected if it holds more than the bound", async () => {
    const records = zstdCompressSync(Buffer.alloc(LIMITS.bytesMax + 1));
    await damaged({ attributes: LOG_APPEND_TIME | 4, records }, [
      ...[40, 41, 42].map((offset) => `${offset} BATCH_TOO_LARGE`),
      "43 read",
    ]);
  });

  it("is rejected if any byte that its checksum covers is another one, or the checksum", async () => {
    const batch = batchOf(40, good);
    for (let at = 16; at < batch.length; at++) {
      const changed = Buffer.from(batch);
      changed[at] = (changed[at] as number) ^ 0x41;
      expect(await outcome(changed), `byte ${at}`).toEqual(none);
    }
  });

  it("hands out plain bytes, as good ones do: a Buffer's slice would share them with whoever changes it", async () => {
    const run = new BatchRun(await decoded(batchOf(40, good, { count: 2 })), LIMITS);
    const kinds: string[] = [];
    while (run.next()) kinds.push(run.record.bytes.constructor.name);
    expect(kinds).toEqual(["Uint8Array", "Uint8Array", "Uint8Array"]);
  });

  it("keeps its bytes once, their length and their hash, and no time of the future", async () => {
    const batch = batchOf(40, good, { maxTimestampMs: 2 ** 52 });
    batch[70] = 0xff;
    const run = new BatchRun(await decoded(batch), LIMITS);
    expect(run.next()).toBe(true);
    const { bytes, valueStart, valueLength, ingestedAtMs, fault } = run.record;
    expect(Buffer.from(bytes.subarray(valueStart, valueStart + valueLength))).toEqual(batch);
    expect(ingestedAtMs).toBe(LIMITS.nowMs);
    const hash = createHash("sha256").update(batch).digest("hex");
    expect(fault?.detail).toContain(`batch of ${batch.length} bytes, SHA-256 ${hash}`);
    expect([run.next(), run.record.offset, run.record.valueLength]).toEqual([true, 41, -1]);
    expect(run.record.fault?.detail).toContain("bytes are with offset 40");
  });

  it("keeps 64 KiB of a long one, and a few rows for very many offsets", async () => {
    const records = Buffer.alloc(100_000, 1);
    const changes = { attributes: LOG_APPEND_TIME | 3, lastOffsetDelta: 2 ** 31 - 1, count: 5, records };
    const run = new BatchRun(await decoded(batchOf(40, good, changes)), { ...LIMITS, offsetMax: 2_000_040 });
    run.next();
    expect(run.record.valueLength).toBe(65_536);
    let rows = 1;
    while (run.next()) rows++;
    expect(rows).toBe(10_000);
  });

  it("does not reach beyond the partition's end", async () => {
    const changes = { count: -1, lastOffsetDelta: 2 ** 30 };
    const run = new BatchRun(await decoded(batchOf(40, good, changes)), { ...LIMITS, offsetMax: 41 });
    const offsets: number[] = [];
    while (run.next()) offsets.push(run.record.offset);
    expect(offsets).toEqual([40, 41]);
  });

  it("is rejected whatever is wrong, but never hangs and never reads beyond its bytes", async () => {
    const change = fc.tuple(fc.nat(raw.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.nat(6),
        async (changes, count) => {
          const records = Buffer.from(raw);
          for (const [at, byte] of changes) records[at] = byte;
          const run = new BatchRun(await decoded(batchOf(40, good, { records, count })), LIMITS);
          let next = 40;
          while (run.next()) {
            const { record } = run;
            expect(record.offset).toBeGreaterThanOrEqual(next);
            next = record.offset + 1;
            const { keyStart, keyLength, valueStart, valueLength, bytes: there } = record;
            expect(keyStart + Math.max(0, keyLength)).toBeLessThanOrEqual(there.length);
            expect(valueStart + Math.max(0, valueLength)).toBeLessThanOrEqual(there.length);
          }
          expect(next).toBeLessThanOrEqual(43);
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

describe("batches to decompress", () => {
  it("are read a few at a time, so that heartbeats come between them", async () => {
    const records = gzipSync(rawKafkaRecord(simple(0)));
    const packed = Array.from({ length: 20 }, (_, i) =>
      batchOf(i, [simple(0)], { attributes: LOG_APPEND_TIME | 1, records }),
    );
    const messages = await decoded(...packed, batchOf(20, [simple(0)]));
    const lengths = portions(messages).map(({ length }) => length);
    expect(lengths).toEqual([8, 8, 5]);
    expect(portions([])).toEqual([[]]);
  });
});

it("of a key or value that is too long the beginning is kept, with its length and SHA-256; what is behind it is read", async () => {
  const [long, kept] = [Buffer.alloc(200_000, 7), 65_536];
  const sha256 = createHash("sha256").update(long).digest("hex");
  const records: RawRecord[] = [
    { key: utf8("k"), value: long, offsetDelta: 0 },
    { key: long, value: utf8("v"), offsetDelta: 1 },
    { key: utf8("k"), value: long.subarray(0, kept), offsetDelta: 2 },
    simple(3),
  ];
  const run = new BatchRun(await decoded(batchOf(0, records)), LIMITS);
  const found = [];
  while (run.next()) {
    const { keyLength, valueLength, fault } = run.record;
    found.push([keyLength, valueLength, fault]);
  }
  expect(found).toEqual([
    [1, kept, { code: "RECORD_TOO_LARGE", detail: `200000 bytes, SHA-256 ${sha256}` }],
    [kept, 1, { code: "RECORD_KEY_MISMATCH", detail: `key of 200000 bytes, SHA-256 ${sha256}` }],
    [1, kept, undefined],
    [1, 2, undefined],
  ]);
});
