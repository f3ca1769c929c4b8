import { CompressionTypes, type Kafka, Partitioners } from "kafkajs";

export interface OutgoingRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

export interface RecordProducer {
  /** Resolves once every replica in sync holds the records. */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Keys are spread by murmur2, as every producer of the topic must do: copies of an event meet in one partition. */
export async function openProducer(kafka: Kafka, topic: string): Promise<RecordProducer> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    // a retried request must not put its records into the log a second time; the processor would tell the copies, but
    // whoever counts what was sent could not
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return {
    async send(records) {
      const messages = records.map(({ key, value }) => ({
        value: value === null ? null : Buffer.from(value),
        ...placeOf(key),
      }));
      await producer.send({ topic, acks: -1, compression: CompressionTypes.None, messages });
    },
    close: () => producer.disconnect(),
  };
}

/**
 * Where a record goes has to be the same in every attempt: kafkajs deals out records without a key anew each time, and a
 * partition that had taken its part of the attempt before would then get other records under the same sequence numbers.
 */
function placeOf(key: Uint8Array | null) {
  return key === null ? { key, partition: 0 } : { key: Buffer.from(key) };
}
