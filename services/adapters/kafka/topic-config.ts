export interface TopicOptions {
  readonly topic: string;
  /** Never changed later: copies of an event must meet in one partition. */
  readonly partitions: number;
  readonly replicas: number;
  /** Replicas that must hold a record before it is acknowledged; without it 2, or 1 of a single replica. */
  readonly insyncMin?: number;
  /** How long the broker keeps records, milliseconds. */
  readonly retentionMs: number;
  readonly recordBytesMax: number;
}

/** What the topic of events must be configured with, by Kafka's names. */
export function wantedTopicConfig(
  options: Pick<TopicOptions, "replicas" | "insyncMin" | "retentionMs" | "recordBytesMax">,
): Readonly<Record<string, string>> {
  return {
    // the append time of the broker is the record's time, whatever a producer says
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.bytes": "-1",
    "retention.ms": String(options.retentionMs),
    "max.message.bytes": String(options.recordBytesMax),
    "min.insync.replicas": String(options.insyncMin ?? Math.min(2, options.replicas)),
  };
}
