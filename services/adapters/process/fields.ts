import type { Config } from "../config/config.ts";
import { choice, port, secret, text, url } from "../config/fields.ts";
import { LOG_LEVELS } from "../log/log.ts";

/** What everybody needs who works in ClickHouse, each as a user of its own. */
export function storeFields(user: string) {
  return {
    log_level: choice("METERHOUSE_LOG_LEVEL", LOG_LEVELS, { default: "info" }),
    clickhouse_url: url("METERHOUSE_CLICKHOUSE_URL"),
    clickhouse_database: text("METERHOUSE_CLICKHOUSE_DATABASE", { default: "meterhouse" }),
    clickhouse_user: text("METERHOUSE_CLICKHOUSE_USER", { default: user }),
    clickhouse_password: secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
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

export type StoreConfig = Config<ReturnType<typeof storeFields>>;
export type ServiceConfig = Config<ReturnType<typeof serviceFields>>;
