// Everything that a topic holds now, once: for tools and tests.
import { copyOf } from "../../domain/block/record-run.ts";
import { logBounds } from "./admin.ts";
import type { OutgoingRecord } from "./producer.ts";
import { KafkaSource, type KafkaSourceOptions } from "./source.ts";

export async function readTopic(options: KafkaSourceOptions): Promise<OutgoingRecord[]> {
  const marks = await logBounds(options.kafka, options.topic);
  const missing = new Set(
    [...marks].filter(([, { low, high }]) => high > low).map(([partition]) => partition),
  );
  const records: OutgoingRecord[] = [];
  if (missing.size === 0) return records;
  const source = new KafkaSource(options);
  const done = Promise.withResolvers<void>();
  const running = source.run({
    assigned: async (partitions) =>
      new Map(partitions.map((partition) => [partition, marks.get(partition)?.low ?? 0])),
    async records(partition, run, through) {
      while (run.next()) {
        const { bytes, keyStart, keyLength, valueStart, valueLength } = run.record;
        const key = keyLength < 0 ? null : copyOf(bytes, keyStart, keyLength);
        const value = valueLength < 0 ? null : copyOf(bytes, valueStart, valueLength);
        records.push({ key, value });
      }
      if (through + 1 >= (marks.get(partition)?.high ?? 0)) missing.delete(partition);
      if (missing.size === 0) done.resolve();
    },
  });
  await Promise.race([done.promise, running]);
  await source.stop();
  return records;
}
