// The settings of a topic that what is billed rests on, and what is wrong with them.
import kafkajs, { type Kafka } from "kafkajs";
import { withAdmin } from "./admin.ts";

const { ConfigResourceTypes } = kafkajs;
const HOUR_MS = 3_600_000;
/** Long enough for a long weekend without anybody. */
const RETENTION_MS_MIN = 72 * HOUR_MS;

const NAMES = [
  "message.timestamp.type",
  "retention.ms",
  "retention.bytes",
  "cleanup.policy",
  "min.insync.replicas",
  "max.message.bytes",
] as const;

export type TopicSettings = Readonly<Record<(typeof NAMES)[number] | "replicas", string>>;

export interface TopicFault {
  readonly setting: string;
  readonly sentence: string;
}

export async function topicSettings(kafka: Kafka, topic: string): Promise<TopicSettings> {
  return withAdmin(kafka, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const replicas = topics[0]?.partitions.map((partition) => partition.replicas.length) ?? [];
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [...NAMES] }],
    });
    const entries = resources[0]?.configEntries ?? [];
    const found = NAMES.map((name) => [
      name,
      entries.find(({ configName }) => configName === name)?.configValue ?? "",
    ]);
    return Object.fromEntries([...found, ["replicas", String(Math.min(...replicas))]]) as TopicSettings;
  });
}

/**
 * What is wrong with a topic, each with what to do.
 * @param fetchBytesMax bytes that a processor fetches of a partition at once; the broker sends a larger batch whole
 */
export function topicFaults(settings: TopicSettings, fetchBytesMax = Number.POSITIVE_INFINITY): TopicFault[] {
  const faults: TopicFault[] = [];
  const add = (setting: string, sentence: string) => faults.push({ setting, sentence });
  if (settings["message.timestamp.type"] !== "LogAppendTime") {
    add(
      "message.timestamp.type",
      "it must be LogAppendTime: with a producer's own time, an old or a future event counts, and hours close by what producers say",
    );
  }
  if (settings["cleanup.policy"] !== "delete") {
    add("cleanup.policy", "it must be delete: compaction takes records away before they are read");
  }
  const retentionMs = Number(settings["retention.ms"]);
  if (retentionMs >= 0 && retentionMs < RETENTION_MS_MIN) {
    add(
      "retention.ms",
      `it must be at least ${RETENTION_MS_MIN} (3 days), or -1: records expire before an outage is mended`,
    );
  }
  if (Number(settings["retention.bytes"]) >= 0) {
    add("retention.bytes", "it must be -1: records go by size, whether they were read or not");
  }
  const replicas = Number(settings.replicas);
  const inSync = Number(settings["min.insync.replicas"]);
  if (inSync > replicas) {
    add("min.insync.replicas", `it is ${inSync}, of ${replicas} replicas: nothing can be written`);
  } else if (replicas > 1 && inSync < 2) {
    add("min.insync.replicas", "it must be at least 2: a record that one broker has is lost with it");
  }
  if (Number(settings["max.message.bytes"]) > fetchBytesMax) {
    add("max.message.bytes", `it must be at most ${fetchBytesMax}, a quarter of METERHOUSE_FETCH_BYTES_MAX`);
  }
  return faults;
}
