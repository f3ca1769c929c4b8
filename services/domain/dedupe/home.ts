// Where a record belongs: copies of an id meet in one partition only if every producer spreads keys as Kafka's own does.

/** Partitions of one generation of the topic, as usage_log numbers them: `first`, `first` + 1 … */
export interface Homes {
  readonly first: number;
  /** At least 1. */
  readonly partitions: number;
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const KEY_BYTES = 16;

/**
 * The partition that Kafka's default partitioner gives a key of 16 bytes: murmur2 with its sign bit off, modulo the number of
 * partitions (org.apache.kafka.common.utils.Utils.murmur2). ClickHouse's kafkaMurmurHash is the same.
 */
export function homeOf(bytes: Uint8Array, at: number, { first, partitions }: Homes): number {
  let hash = SEED ^ KEY_BYTES;
  for (let i = at; i < at + KEY_BYTES; i += 4) {
    let word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    word = Math.imul(word, M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  hash ^= hash >>> 15;
  return first + ((hash & 0x7fffffff) % partitions);
}
