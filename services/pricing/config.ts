import { choice, duration, integer, list, port, secret, text, url } from "../adapters/config/fields.ts";
import { LOG_LEVELS } from "../adapters/log/log.ts";

/** What every command of this process needs. */
export const STORE_FIELDS = {
  log_level: choice("METERHOUSE_LOG_LEVEL", LOG_LEVELS, { default: "info" }),
  clickhouse_url: url("METERHOUSE_CLICKHOUSE_URL"),
  clickhouse_database: text("METERHOUSE_CLICKHOUSE_DATABASE", { default: "meterhouse" }),
  clickhouse_user: text("METERHOUSE_CLICKHOUSE_USER", { default: "pricing" }),
  clickhouse_password: secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
};

export const FIELDS = {
  ...STORE_FIELDS,
  api_host: text("METERHOUSE_API_HOST", { default: "127.0.0.1" }),
  api_port: port("METERHOUSE_API_PORT", { default: 8080 }),
  api_rate: integer("METERHOUSE_API_RATE", { default: 50, min: 1, max: 100_000 }),
  metrics_host: text("METERHOUSE_METRICS_HOST", { default: "127.0.0.1" }),
  metrics_port: port("METERHOUSE_METRICS_PORT", { default: 9466 }),
  kafka_brokers: list("METERHOUSE_KAFKA_BROKERS"),
  topic: text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
  event_age_ms_max: duration("METERHOUSE_EVENT_AGE_MAX", { default: "90d", min: "1h", max: "90d" }),
};
