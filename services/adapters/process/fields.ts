import type { Config } from "../config/config.ts";
import {
  agreeing,
  type Conflict,
  choice,
  type Field,
  optional,
  pem,
  port,
  secret,
  text,
  url,
} from "../config/fields.ts";
import type { Secret } from "../config/secret.ts";
import { LOG_LEVELS } from "../log/log.ts";
import { tlsConflicts } from "./tls.ts";

/** What everybody needs who works in ClickHouse, each as a user of its own. */
export function storeFields(user: string) {
  return {
    log_level: choice("METERHOUSE_LOG_LEVEL", LOG_LEVELS, { default: "info" }),
    clickhouse_url: clickhouseUrl(),
    clickhouse_database: text("METERHOUSE_CLICKHOUSE_DATABASE", { default: "meterhouse" }),
    clickhouse_user: text("METERHOUSE_CLICKHOUSE_USER", { default: user }),
    clickhouse_password: secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
    clickhouse_tls_ca: optional(pem("METERHOUSE_CLICKHOUSE_TLS_CA")),
    clickhouse_tls_certificate: optional(pem("METERHOUSE_CLICKHOUSE_TLS_CERTIFICATE")),
    clickhouse_tls_key: optional(pem("METERHOUSE_CLICKHOUSE_TLS_KEY")),
  };
}

/** What a process needs beside its own settings. */
export function serviceFields(user: string, metricsPort: number) {
  return {
    ...storeFields(user),
    build_commit: text("METERHOUSE_COMMIT", { default: "" }),
    metrics_host: text("METERHOUSE_METRICS_HOST", { default: "127.0.0.1" }),
    metrics_port: port("METERHOUSE_METRICS_PORT", { default: metricsPort }),
  };
}

/** ClickHouse's address, which says whether certificates are of use. */
export function clickhouseUrl(options?: { default: string }): Field<string> {
  return agreeing(url("METERHOUSE_CLICKHOUSE_URL", options), (values) =>
    storeConflicts(values as unknown as StoreMaterial & { clickhouse_url: string }),
  );
}

interface StoreMaterial {
  readonly clickhouse_tls_ca: Secret | undefined;
  readonly clickhouse_tls_certificate: Secret | undefined;
  readonly clickhouse_tls_key: Secret | undefined;
}

export function storeMaterial(config: StoreMaterial) {
  const { clickhouse_tls_ca: ca, clickhouse_tls_certificate: certificate, clickhouse_tls_key: key } = config;
  return { ca, certificate, key };
}

function storeConflicts(config: StoreMaterial & { readonly clickhouse_url: string }): Conflict[] {
  const material = storeMaterial(config);
  const isTls = config.clickhouse_url.startsWith("https:");
  if (isTls) return tlsConflicts(material, "METERHOUSE_CLICKHOUSE_TLS");
  if (Object.values(material).every((pem) => pem === undefined)) return [];
  const problem = "is no https:// address, but certificates are set";
  return [{ key: "METERHOUSE_CLICKHOUSE_URL", problem, expected: "an https:// address, or no certificates" }];
}

export type StoreConfig = Config<ReturnType<typeof storeFields>>;
export type ServiceConfig = Config<ReturnType<typeof serviceFields>>;
