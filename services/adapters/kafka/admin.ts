import type { Kafka } from "kafkajs";

export interface TopicOptions {
  readonly topic: string;
  /** Never changed later: copies of an event must meet in one partition. */
  readonly partitions: number;
  readonly replicas: number;
  /** How long the broker keeps records, milliseconds. */
  readonly retentionMs: number;
  readonly recordBytesMax: number;
}

/** Makes the topic if it is not there. The append time of the broker is the record's time, whatever a producer says. */
export async function ensureTopic(kafka: Kafka, options: TopicOptions): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const configEntries = {
      "message.timestamp.type": "LogAppendTime",
      "retention.ms": String(options.retentionMs),
      "max.message.bytes": String(options.recordBytesMax),
    };
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: options.topic,
          numPartitions: options.partitions,
          replicationFactor: options.replicas,
          configEntries: Object.entries(configEntries).map(([name, value]) => ({ name, value })),
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}

/** For each partition, the first offset whose append time is `timeMs` or later; the end of the log if there is none. */
export async function offsetsAt(kafka: Kafka, topic: string, timeMs: number): Promise<Map<number, number>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timeMs);
    return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
  } finally {
    await admin.disconnect();
  }
}
