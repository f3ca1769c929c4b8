// One kafkajs client for a process, its log lines among ours: an outage is logged once, and so is its end.

import { Kafka, logLevel } from "kafkajs";
import type { Log } from "../../domain/ports/log.ts";

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
}

export function openKafka(options: KafkaOptions): Kafka {
  return new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: Number.MAX_SAFE_INTEGER },
    logLevel: logLevel.INFO,
    logCreator: () => outageLog(options.log),
  });
}

type Entry = { level: logLevel; namespace: string; log: { message: string; [extra: string]: unknown } };

/** Said by the source at every sign of life: kafkajs itself does not tell when a connection is back. */
export const ALIVE = "the group's coordinator answers";

function outageLog(log: Log): (entry: Entry) => void {
  let away = false;
  return ({ level, namespace, log: entry }) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry;
    const faulty = level === logLevel.ERROR || level === logLevel.WARN;
    if (
      faulty &&
      !away &&
      /Connection|broker|disconnected|timed out/i.test(`${message} ${String(fields["error"] ?? "")}`)
    ) {
      away = true;
      log.warn({ part: namespace, ...fields }, "Kafka is away; trying until it is back");
    } else if (away && message === ALIVE) {
      away = false;
      log.info({}, "Kafka is back");
    }
    log.debug({ part: namespace, ...fields }, message);
  };
}
