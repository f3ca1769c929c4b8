import { CompressionTypes, type Kafka, Partitioners, type PartitionMetadata } from "kafkajs";
import { partitionsOf } from "./admin.ts";
import { refusalOf } from "./refusal.ts";

export interface OutgoingRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

export interface RecordProducer {
  /**
   * Resolves once every replica in sync holds the records, of each partition in their order. Rejects where some of them
   * may be missing; those of other partitions may be there.
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Keys are spread by murmur2, as every producer of the topic must do: copies of an event meet in one partition. Each send
 * of kafkajs gets records of one partition only. One that spans several leaders loses records when a leader changes: a
 * broker that has answered for its own part is not asked again for what it leads since then, and kafkajs resolves
 * (`sendMessages` of 2.2.4).
 */
export async function openProducer(kafka: Kafka, topic: string): Promise<RecordProducer> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    // a retried request must not put its records into the log a second time; the processor would tell the copies, but
    // whoever counts what was sent could not
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect().catch((error: unknown) => {
    throw refusalOf(error) ?? error;
  });
  const partitionOf = Partitioners.DefaultPartitioner();
  const queues = new Map<number, Promise<void>>();
  let partitions: Promise<PartitionMetadata[]> | undefined;

  const sendTo = async (partition: number, records: readonly OutgoingRecord[]) => {
    const messages = records.map(({ key, value }) => ({
      key: bufferOf(key),
      value: bufferOf(value),
      partition,
    }));
    await producer
      .send({ topic, acks: -1, compression: CompressionTypes.None, messages })
      .catch((error: unknown) => {
        throw refusalOf(error) ?? error;
      });
  };
  // what is retried keeps its sequence numbers only if nothing of its partition went in between
  const inTurn = (partition: number, records: readonly OutgoingRecord[]) => {
    const before = queues.get(partition) ?? Promise.resolve();
    const sent = before.then(() => sendTo(partition, records));
    queues.set(
      partition,
      sent.catch(() => undefined),
    );
    return sent;
  };
  return {
    async send(records) {
      partitions ??= partitionsOf(kafka, topic);
      const partitionMetadata = await partitions.catch((error: unknown) => {
        partitions = undefined;
        throw error;
      });
      const parts = Map.groupBy(records, ({ key }) =>
        // a record without a key goes to the same place in every attempt
        key === null
          ? 0
          : partitionOf({ topic, partitionMetadata, message: { key: Buffer.from(key), value: null } }),
      );
      await Promise.all([...parts].map(([partition, part]) => inTurn(partition, part)));
    },
    close: () => producer.disconnect(),
  };
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}
