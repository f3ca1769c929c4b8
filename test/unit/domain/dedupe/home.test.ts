import fc from "fast-check";
import { Partitioners } from "kafkajs";
import { expect, it } from "vitest";
import { homeOf } from "../../../../services/domain/dedupe/home.ts";

it("a key's partition is the one that Kafka's default partitioner gives it", () => {
  const partition = Partitioners.DefaultPartitioner();
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 1, max: 1024 }),
      fc.nat(5),
      (key, partitions, at) => {
        const bytes = Buffer.concat([Buffer.alloc(at), key]);
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
          partitionId,
          leader: 1,
        }));
        const expected = partition({
          topic: "t",
          partitionMetadata: partitionMetadata as never,
          message: { key: Buffer.from(key), value: null },
        });
        expect(homeOf(bytes, at, { first: 2048, partitions }) - 2048).toBe(expected);
      },
    ),
  );
});
