// How a process is connected with Kafka, the same for all of them.
import type { Config } from "../config/config.ts";
import {
  agreeing,
  type Conflict,
  choice,
  list,
  optional,
  path,
  pem,
  secret,
  text,
  url,
} from "../config/fields.ts";
import type { ConfigKey } from "../config/keys.ts";
import type { KafkaConnection } from "../kafka/connection.ts";
import { tlsConflicts, tlsOptions } from "./tls.ts";

const SECURITIES = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] as const;
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] as const;

const SECURITY_FIELDS = {
  kafka_security: choice("METERHOUSE_KAFKA_SECURITY", SECURITIES, { default: "PLAINTEXT" }),
  kafka_sasl_mechanism: optional(choice("METERHOUSE_KAFKA_SASL_MECHANISM", MECHANISMS)),
  kafka_sasl_user: optional(text("METERHOUSE_KAFKA_SASL_USER")),
  kafka_sasl_password: optional(secret("METERHOUSE_KAFKA_SASL_PASSWORD")),
  kafka_oauth_token_file: optional(path("METERHOUSE_KAFKA_OAUTH_TOKEN_FILE")),
  kafka_oauth_url: optional(url("METERHOUSE_KAFKA_OAUTH_URL")),
  kafka_oauth_client_id: optional(text("METERHOUSE_KAFKA_OAUTH_CLIENT_ID")),
  kafka_oauth_client_secret: optional(secret("METERHOUSE_KAFKA_OAUTH_CLIENT_SECRET")),
  kafka_oauth_scope: optional(text("METERHOUSE_KAFKA_OAUTH_SCOPE")),
  kafka_tls_ca: optional(pem("METERHOUSE_KAFKA_TLS_CA")),
  kafka_tls_certificate: optional(pem("METERHOUSE_KAFKA_TLS_CERTIFICATE")),
  kafka_tls_key: optional(pem("METERHOUSE_KAFKA_TLS_KEY")),
};

/** What everybody needs who works with the topic. */
export function kafkaFields() {
  return {
    kafka_brokers: list("METERHOUSE_KAFKA_BROKERS"),
    topic: text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
    ...SECURITY_FIELDS,
    kafka_security: agreeing(SECURITY_FIELDS.kafka_security, (values) =>
      kafkaConflicts(values as unknown as SecurityConfig),
    ),
  };
}

type SecurityConfig = Config<typeof SECURITY_FIELDS>;
export type KafkaConfig = Config<ReturnType<typeof kafkaFields>>;

export function kafkaConnection(config: KafkaConfig): KafkaConnection {
  const { kafka_security, kafka_sasl_mechanism: mechanism } = config;
  return {
    brokers: config.kafka_brokers,
    ...(kafka_security.endsWith("SSL") ? { tls: tlsOptions(materialOf(config)) } : {}),
    ...(kafka_security.startsWith("SASL") && mechanism !== undefined
      ? { sasl: saslOf(mechanism, config) }
      : {}),
  };
}

function materialOf({
  kafka_tls_ca: ca,
  kafka_tls_certificate: certificate,
  kafka_tls_key: key,
}: SecurityConfig) {
  return { ca, certificate, key };
}

function saslOf(
  mechanism: (typeof MECHANISMS)[number],
  config: SecurityConfig,
): NonNullable<KafkaConnection["sasl"]> {
  if (mechanism !== "OAUTHBEARER") {
    return {
      mechanism,
      user: config.kafka_sasl_user ?? "",
      password: config.kafka_sasl_password?.reveal() ?? "",
    };
  }
  const { kafka_oauth_token_file: file, kafka_oauth_url: address, kafka_oauth_scope: scope } = config;
  if (file !== undefined) return { mechanism, token: { file } };
  return {
    mechanism,
    token: {
      url: address ?? "",
      clientId: config.kafka_oauth_client_id ?? "",
      clientSecret: config.kafka_oauth_client_secret?.reveal() ?? "",
      ...(scope === undefined ? {} : { scope }),
    },
  };
}

/** Wanted by `because`, or of no use beside it. */
function presence(
  because: string,
  wanted: readonly (readonly [ConfigKey, unknown])[],
  useless: readonly (readonly [ConfigKey, unknown])[],
): Conflict[] {
  return [
    ...wanted
      .filter(([, value]) => value === undefined || value === "")
      .map(([key]) => ({ key, problem: "is not set", expected: `what ${because} needs` })),
    ...useless
      .filter(([, value]) => value !== undefined)
      .map(([key]) => ({ key, problem: `is set, but ${because} does not use it`, expected: "nothing here" })),
  ];
}

function kafkaConflicts(config: SecurityConfig): Conflict[] {
  const { kafka_security: security } = config;
  const because = `METERHOUSE_KAFKA_SECURITY=${security}`;
  const material = materialOf(config);
  const tls = [
    ["METERHOUSE_KAFKA_TLS_CA", material.ca],
    ["METERHOUSE_KAFKA_TLS_CERTIFICATE", material.certificate],
    ["METERHOUSE_KAFKA_TLS_KEY", material.key],
  ] as const;
  const tlsFaults = security.endsWith("SSL")
    ? tlsConflicts(material, "METERHOUSE_KAFKA_TLS")
    : presence(because, [], tls);
  const mechanism = ["METERHOUSE_KAFKA_SASL_MECHANISM", config.kafka_sasl_mechanism] as const;
  const account = [
    ["METERHOUSE_KAFKA_SASL_USER", config.kafka_sasl_user],
    ["METERHOUSE_KAFKA_SASL_PASSWORD", config.kafka_sasl_password],
  ] as const;
  const file = ["METERHOUSE_KAFKA_OAUTH_TOKEN_FILE", config.kafka_oauth_token_file] as const;
  const endpoint = [
    ["METERHOUSE_KAFKA_OAUTH_URL", config.kafka_oauth_url],
    ["METERHOUSE_KAFKA_OAUTH_CLIENT_ID", config.kafka_oauth_client_id],
    ["METERHOUSE_KAFKA_OAUTH_CLIENT_SECRET", config.kafka_oauth_client_secret],
  ] as const;
  const scope = ["METERHOUSE_KAFKA_OAUTH_SCOPE", config.kafka_oauth_scope] as const;
  const oauth = [file, ...endpoint, scope];
  if (!security.startsWith("SASL"))
    return [...tlsFaults, ...presence(because, [], [mechanism, ...account, ...oauth])];
  if (config.kafka_sasl_mechanism === undefined) return [...tlsFaults, ...presence(because, [mechanism], [])];
  const chosen = `METERHOUSE_KAFKA_SASL_MECHANISM=${config.kafka_sasl_mechanism}`;
  if (config.kafka_sasl_mechanism !== "OAUTHBEARER")
    return [...tlsFaults, ...presence(chosen, account, oauth)];
  return [
    ...tlsFaults,
    ...(file[1] === undefined
      ? presence(`${chosen} without METERHOUSE_KAFKA_OAUTH_TOKEN_FILE`, endpoint, account)
      : presence(`${chosen} with METERHOUSE_KAFKA_OAUTH_TOKEN_FILE`, [], [...account, ...endpoint, scope])),
  ];
}
