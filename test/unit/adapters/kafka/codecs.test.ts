import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32c } from "../../../../services/adapters/kafka/codecs/crc32c.ts";
import { decompress } from "../../../../services/adapters/kafka/codecs/decompress.ts";

/** Batches of ten records as brokers stored them, in base64, by producer and codec: kafka-clients 4.3.1, librdkafka 2.16.0. */
const BATCHES = JSON.parse(readFileSync(new URL("foreign-batches.json", import.meta.url), "utf8")) as Record<
  string,
  Record<string, string>
>;
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];
const BOUND = 1 << 20;
const RECORDS_AT = 61;

const batchOf = (producer: string, codec: string): Buffer =>
  Buffer.from(BATCHES[producer]?.[codec] ?? "", "base64");
function outcome(codec: number, bytes: Uint8Array, bytesMax: number): Buffer | string {
  const decoded = decompress(codec, bytes, bytesMax);
  return "code" in decoded ? decoded.code : Buffer.from(decoded);
}

describe.each(["java", "librdkafka"])("batches of %s", (producer) => {
  it.each(CODECS)("have the checksum that is computed, by %s", (codec) => {
    const batch = batchOf(producer, codec);
    expect(crc32c(batch.subarray(21))).toBe(batch.readInt32BE(17));
  });

  it.each(CODECS.slice(1))("are what %s was given, up to the bound and not a byte beyond", (codec) => {
    const number = CODECS.indexOf(codec);
    const packed = batchOf(producer, codec).subarray(RECORDS_AT);
    const whole = outcome(number, packed, BOUND) as Buffer;
    expect(outcome(number, packed, whole.length)).toEqual(whole);
    expect(outcome(number, packed, whole.length - 1)).toBe("BATCH_TOO_LARGE");
    expect(packed.equals(whole)).toBe(false);
  });

  it.each(CODECS.slice(1))(
    "never throw nor grow beyond the bound, whatever became of them, by %s",
    (codec) => {
      const number = CODECS.indexOf(codec);
      const packed = batchOf(producer, codec).subarray(RECORDS_AT);
      const change = fc.tuple(fc.nat(packed.length - 1), fc.nat(255));
      fc.assert(
        fc.property(fc.array(change, { maxLength: 4 }), fc.nat(packed.length), (changes, length) => {
          const bytes = Buffer.from(packed);
          for (const [at, byte] of changes) bytes[at] = byte;
          const found = outcome(number, bytes.subarray(0, length), 5_000);
          expect(typeof found === "string" || found.length <= 5_000).toBe(true);
        }),
        { numRuns: 300 },
      );
    },
  );
});

describe("a bomb", () => {
  const zeros = Buffer.alloc(64 << 20);
  const lz4Frame = (block: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(block.length);
    return Buffer.concat([Buffer.from("04224d18607000", "hex"), length, block, Buffer.alloc(4)]);
  };
  /** One literal, then a match of about 255 bytes for each of its own. */
  const lz4 = lz4Frame(
    Buffer.concat([Buffer.from("1f000100", "hex"), Buffer.alloc(250_000, 0xff), Buffer.of(0)]),
  );
  /** Says that it is 64 MiB: one literal, then copies of 64 bytes. */
  const snappy = Buffer.concat([
    Buffer.from("808080200000", "hex"),
    Buffer.alloc(3 * ((64 << 20) / 64), Buffer.from("fe0100", "hex")),
  ]);
  it.each([
    ["gzip", 1, gzipSync(zeros)],
    ["snappy", 2, snappy],
    ["lz4", 3, lz4],
    ["zstd", 4, zstdCompressSync(zeros)],
  ])("of %s ends at the bound, without the memory that it asks for", (_name, codec, bomb) => {
    const before = process.memoryUsage();
    expect(outcome(codec, bomb, BOUND)).toBe("BATCH_TOO_LARGE");
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 << 20);
  });
});

it("knows no other codecs", () => {
  for (const codec of [5, 6, 7]) expect(outcome(codec, Buffer.alloc(9), BOUND)).toBe("BATCH_CODEC_UNKNOWN");
});
