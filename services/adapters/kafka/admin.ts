import type { Admin, Kafka } from "kafkajs";
import { systemClock } from "../clock/clock.ts";
import { ALIVE } from "./client.ts";
import { isOutage, isUnknownTopic } from "./outage.ts";

const PAUSE_MS = 100;

export interface TopicOptions {
  readonly topic: string;
  /** Never changed later: copies of an event must meet in one partition. */
  readonly partitions: number;
  readonly replicas: number;
  /** How long the broker keeps records, milliseconds. */
  readonly retentionMs: number;
  readonly recordBytesMax: number;
}

export interface LogBounds {
  readonly low: number;
  readonly high: number;
}

/** Makes the topic if it is not there. The append time of the broker is the record's time, whatever a producer says. */
export async function ensureTopic(kafka: Kafka, options: TopicOptions): Promise<void> {
  const configEntries = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "min.insync.replicas": String(Math.min(2, options.replicas)),
    "retention.ms": String(options.retentionMs),
    "retention.bytes": "-1",
    "max.message.bytes": String(options.recordBytesMax),
  };
  await withAdmin(kafka, async (admin) => {
    await admin.createTopics({
      // what kafkajs waits with gives up while the brokers have not heard of the topic
      waitForLeaders: false,
      topics: [
        {
          topic: options.topic,
          numPartitions: options.partitions,
          replicationFactor: options.replicas,
          configEntries: Object.entries(configEntries).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    while (!(await hasLeaders(admin, options.topic))) await systemClock.sleep(PAUSE_MS);
  });
}

async function hasLeaders(admin: Admin, topic: string): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
  } catch (error) {
    if (isOutage(error) || isUnknownTopic(error)) return false;
    throw error;
  }
}

/** For each partition, the first offset whose append time is `timeMs` or later; the end of the log if there is none. */
export async function offsetsAt(kafka: Kafka, topic: string, timeMs: number): Promise<Map<number, number>> {
  const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsetsByTimestamp(topic, timeMs));
  return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
}

/** First offset held and offset after the last one, by partition. */
export async function logBounds(kafka: Kafka, topic: string): Promise<Map<number, LogBounds>> {
  const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  return new Map(
    offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]),
  );
}

/** Asks again while Kafka is away; client.ts tells of that. */
export async function withAdmin<T>(kafka: Kafka, ask: (admin: Admin) => Promise<T>): Promise<T> {
  for (;;) {
    const admin = kafka.admin();
    try {
      await admin.connect();
      const answer = await ask(admin);
      kafka.logger().info(ALIVE);
      return answer;
    } catch (error) {
      if (!isOutage(error)) throw error;
      await systemClock.sleep(PAUSE_MS);
    } finally {
      await admin.disconnect();
    }
  }
}
