// One kafkajs client for a process, its log lines among ours: an outage is logged once, and so is its end.

import { Kafka, logLevel, type SASLOptions } from "kafkajs";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import { retryUntilBack } from "../retry/retry.ts";
import type { KafkaConnection, Sasl } from "./connection.ts";
import { isOutage } from "./outage.ts";
import { type KafkaRefusal, refusalOf } from "./refusal.ts";
import { createTokens } from "./token.ts";

export interface KafkaOptions extends KafkaConnection {
  readonly clientId: string;
  readonly log: Log;
}

const RETRY = { initialRetryTime: 200, maxRetryTime: 5_000, retries: Number.MAX_SAFE_INTEGER };

/** After so many attempts an outage may be none. */
const ATTEMPTS_BEFORE_DOUBT = 3;
/** Nobody listens there, so nobody speaks another protocol. */
const NOBODY_THERE = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/;

export function openKafka(options: KafkaOptions): Kafka {
  return clientOf(options, RETRY, outageLog(options.log));
}

const coordinatorRefusals = new WeakMap<Kafka, KafkaRefusal>();

/** Why the group's coordinator was refused to this client. kafkajs tells its log alone, and then calls it an outage. */
export function coordinatorRefusal(kafka: Kafka): KafkaRefusal | undefined {
  return coordinatorRefusals.get(kafka);
}

/**
 * A client that Kafka has answered. An outage is waited for; a refusal is not, because kafkajs would try a certificate that
 * does not fit for ever.
 * @throws KafkaRefusal where a certificate, a user or a password is refused
 */
export async function connectedKafka(
  options: KafkaOptions,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Kafka> {
  const eachBrokerOnce = { ...RETRY, retries: options.brokers.length - 1 };
  let attempts = 0;
  const ask = async () => {
    attempts += 1;
    const admin = clientOf(options, eachBrokerOnce, (entry) => toDebug(options.log, entry)).admin();
    try {
      await admin.connect();
    } catch (error) {
      if (attempts === ATTEMPTS_BEFORE_DOUBT && !NOBODY_THERE.test(String(error))) {
        options.log.warn(
          { brokers: options.brokers.join() },
          "Kafka ends each connection. If it is up, its listener may not speak what METERHOUSE_KAFKA_SECURITY says.",
        );
      }
      throw refusalOf(error, options) ?? error;
    } finally {
      await admin.disconnect();
    }
  };
  await retryUntilBack("Kafka", ask, { isRetriable: isOutage, log: options.log, clock, signal });
  return openKafka(options);
}

function clientOf(options: KafkaOptions, retry: typeof RETRY, told: (entry: Entry) => void): Kafka {
  const { brokers, clientId, tls, sasl } = options;
  const kafka: Kafka = new Kafka({
    clientId,
    brokers: [...brokers],
    ...(tls === undefined ? {} : { ssl: { ...tls } }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    retry,
    logLevel: logLevel.DEBUG,
    logCreator: () => (entry) => {
      if (entry.level !== logLevel.DEBUG) return told(entry);
      const refused = entry.log.message === COORDINATOR_SOUGHT ? refusalOf(entry.log["error"]) : undefined;
      if (refused !== undefined) coordinatorRefusals.set(kafka, refused);
    },
  });
  return kafka;
}

function saslOptions(sasl: Sasl): SASLOptions {
  if (sasl.mechanism === "OAUTHBEARER") {
    return { mechanism: "oauthbearer", oauthBearerProvider: createTokens(sasl.token) };
  }
  const { mechanism, user: username, password } = sasl;
  if (mechanism === "PLAIN") return { mechanism: "plain", username, password };
  return { mechanism: mechanism === "SCRAM-SHA-256" ? "scram-sha-256" : "scram-sha-512", username, password };
}

type Entry = { level: logLevel; namespace: string; log: { message: string; [extra: string]: unknown } };

/** What kafkajs 2.2.4 says, at the level of debugging, beside the error of an answer about the coordinator. */
const COORDINATOR_SOUGHT = "Tried to find group coordinator";

/** Said by the source at every sign of life: kafkajs itself does not tell when a connection is back. */
export const ALIVE = "the group's coordinator answers";

function outageLog(log: Log): (entry: Entry) => void {
  let away = false;
  return (entry) => {
    const { level, namespace } = entry;
    const { message, fields } = partsOf(entry);
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
    toDebug(log, entry);
  };
}

function toDebug(log: Log, entry: Entry): void {
  const { message, fields } = partsOf(entry);
  log.debug({ part: entry.namespace, ...fields }, message);
}

function partsOf({ log: entry }: Entry) {
  const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry;
  return { message, fields };
}
