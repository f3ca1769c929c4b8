import kafkajs, { type KafkaJSError, type KafkaJSProtocolError } from "kafkajs";

/** Outages that kafkajs calls final: no broker answered, or not in time. */
const FINAL = new Set(["KafkaJSGroupCoordinatorNotFound", "KafkaJSLockTimeout", "KafkaJSTimeout"]);

/** Whether waiting can help. */
export function isOutage(error: unknown): boolean {
  if (isUnknownTopic(error)) return false;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isOfKafka(cause) && (cause.retriable || FINAL.has(cause.name))) return true;
  }
  return false;
}

export function isUnknownTopic(error: unknown): boolean {
  return isOfKafka(error) && (error as KafkaJSProtocolError).type === "UNKNOWN_TOPIC_OR_PARTITION";
}

export function isOfKafka(error: unknown): error is KafkaJSError {
  return error instanceof kafkajs.KafkaJSError;
}

export const noTopic = (topic: string): string =>
  `Kafka has no topic ${topic}: make it, or name another one in METERHOUSE_TOPIC. meterhouse topic ensure makes it.`;
