import kafkajs, { type Admin, type Kafka, type PartitionMetadata } from "kafkajs";
import { systemClock } from "../clock/clock.ts";
import { ALIVE } from "./client.ts";
import { isOutage, isUnknownTopic } from "./outage.ts";
import { refusalOf } from "./refusal.ts";
import { type TopicOptions, wantedTopicConfig } from "./topic-config.ts";

const PAUSE_MS = 100;

export interface LogBounds {
  readonly low: number;
  readonly high: number;
}

/** Makes the topic if it is not there. Answers whether it was missing. */
export async function ensureTopic(kafka: Kafka, options: TopicOptions): Promise<boolean> {
  const configEntries = wantedTopicConfig(options);
  return withAdmin(kafka, async (admin) => {
    const isMade = await admin.createTopics({
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
    return isMade;
  });
}

/** What of the topic is not as wanted, in sentences. Nothing is changed: records may rest on what there is. */
export async function topicDifferences(kafka: Kafka, options: TopicOptions): Promise<string[]> {
  const { topic, partitions, replicas } = options;
  const found = await partitionsOf(kafka, topic);
  const { resources } = await withAdmin(kafka, (admin) =>
    admin.describeConfigs({
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
      includeSynonyms: false,
    }),
  );
  const entries = resources.flatMap(({ configEntries }) => configEntries);
  const config = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  const counts = [
    ["partitions", found.length, partitions],
    ["replicas", Math.min(...found.map((one) => one.replicas.length)), replicas],
  ] as const;
  return [
    ...counts.filter(([, is, wanted]) => is !== wanted),
    ...Object.entries(wantedTopicConfig(options))
      .map(([name, wanted]) => [name, config.get(name), wanted] as const)
      .filter(([, is, wanted]) => is !== wanted),
  ].map(([name, is, wanted]) => `${name} is ${is}, wanted is ${wanted}`);
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

/** What Kafka says about each partition of the topic. */
export async function partitionsOf(kafka: Kafka, topic: string): Promise<PartitionMetadata[]> {
  const { topics } = await withAdmin(kafka, (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
  return topics.flatMap(({ partitions }) => partitions);
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
      if (!isOutage(error)) throw refusalOf(error) ?? error;
      await systemClock.sleep(PAUSE_MS);
    } finally {
      await admin.disconnect();
    }
  }
}
