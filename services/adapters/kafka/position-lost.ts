import type { Kafka } from "kafkajs";
import { type LogBounds, logBounds } from "./admin.ts";

/** The log of Kafka no longer, or not yet, holds the position: records are lost. */
class PositionLostError extends Error {
  constructor(topic: string, partition: number, position: number, { low, high }: LogBounds) {
    super(
      `Partition ${partition} of ${topic} holds offsets ${low} to ${high}, but usage_log goes on at ${position}. ` +
        (position < low
          ? "Records expired before they were read: restore them, or accept exactly this loss: " +
            `meterhouse topic gap --partition ${partition} --from ${position} --to ${low} --reason TEXT.`
          : "Kafka's log was cut back, as by a replica that lagged and became the leader: restore it, or " +
            "begin a new generation: meterhouse topic generation --reason TEXT."),
    );
    this.name = "PositionLostError";
  }
}

/** @throws PositionLostError if a position lies outside of what Kafka holds; the end of the log is inside */
export async function requireHeld(
  kafka: Kafka,
  topic: string,
  positions: ReadonlyMap<number, number>,
): Promise<void> {
  if (positions.size === 0) return;
  const bounds = await logBounds(kafka, topic);
  for (const [partition, position] of positions) {
    const held = bounds.get(partition) ?? { low: 0, high: 0 };
    if (position < held.low || position > held.high) {
      throw new PositionLostError(topic, partition, position, held);
    }
  }
}
