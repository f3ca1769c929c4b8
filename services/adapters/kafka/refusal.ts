// What Kafka will not have, whoever asks again: a certificate, a user, a right.
import type { KafkaConnection } from "./connection.ts";
import { isOfKafka } from "./outage.ts";

/** A sentence with what was refused and which setting it comes from. It has no cause: one may look like an outage. */
export class KafkaRefusal extends Error {
  override readonly name = "KafkaRefusal";
}

/** Node's names of what can be wrong with a certificate, without the ones that begin with ERR_SSL_ or ERR_TLS_. */
const CERTIFICATE_CODES = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_REJECTED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** The refusal that an error of kafkajs tells of; undefined where it tells of none. */
export function refusalOf(
  error: unknown,
  { brokers = [], sasl }: Partial<Pick<KafkaConnection, "brokers" | "sasl">> = {},
): KafkaRefusal | undefined {
  const place = brokers.length === 0 ? "Kafka" : `Kafka at ${brokers.join()}`;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof KafkaRefusal) return cause;
    const code = "code" in cause ? String(cause.code) : "";
    const reason = cause.message.replace(/^Connection error: /, "");
    if (/^ERR_(SSL|TLS)_.*ALERT.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) {
      const settings = "METERHOUSE_KAFKA_TLS_CERTIFICATE and METERHOUSE_KAFKA_TLS_KEY";
      return new KafkaRefusal(`${place} refuses this process's certificate (${code}). Correct ${settings}.`);
    }
    if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
      const advice = "Name the brokers in METERHOUSE_KAFKA_BROKERS as their certificates do.";
      return new KafkaRefusal(`${place} shows a certificate of another host (${reason}). ${advice}`);
    }
    if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
      return new KafkaRefusal(
        `${place} shows a certificate that is not valid now (${reason}). Renew it at the broker.`,
      );
    }
    if (CERTIFICATE_CODES.has(code)) {
      const advice = "Correct METERHOUSE_KAFKA_TLS_CA.";
      return new KafkaRefusal(`${place} shows a certificate of no known authority (${reason}). ${advice}`);
    }
    if (/^ERR_(SSL|TLS)_/.test(code)) {
      return new KafkaRefusal(
        `${place} does not speak TLS as this process does (${code}). See METERHOUSE_KAFKA_SECURITY.`,
      );
    }
    if (isOfKafka(cause) && isLogin(cause)) {
      const who = sasl === undefined || !("user" in sasl) ? "the token" : `the user ${sasl.user}`;
      const settings =
        sasl?.mechanism === "OAUTHBEARER"
          ? "METERHOUSE_KAFKA_OAUTH_…"
          : "METERHOUSE_KAFKA_SASL_USER and …_PASSWORD";
      return new KafkaRefusal(`${place} refuses ${who} (${reason}). Correct ${settings}.`);
    }
    if (isOfKafka(cause) && /_AUTHORIZATION_FAILED$/.test(typeOf(cause))) {
      const advice = "Give it the ACL; `meterhouse topic ensure --acl` gives the ones that Meterhouse needs.";
      return new KafkaRefusal(`${place} does not let this process do that (${reason}). ${advice}`);
    }
  }
  return undefined;
}

function isLogin(error: Error): boolean {
  return (
    error.name === "KafkaJSSASLAuthenticationError" ||
    ["SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"].includes(typeOf(error))
  );
}

function typeOf(error: Error): string {
  return "type" in error ? String(error.type) : "";
}
