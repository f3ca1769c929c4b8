import {
  choice,
  duration,
  flag,
  integer,
  list,
  optional,
  path,
  port,
  secret,
  text,
  url,
} from "../adapters/config/fields.ts";
import { LOG_LEVELS } from "../adapters/log/log.ts";
import { cronFault } from "../adapters/schedule/schedule.ts";

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
  invoice_seller: text("METERHOUSE_INVOICE_SELLER", { default: "" }),
  webhook_private: flag("METERHOUSE_WEBHOOK_PRIVATE", { default: false }),
  event_age_ms_max: duration("METERHOUSE_EVENT_AGE_MAX", { default: "90d", min: "1h", max: "90d" }),
};

export const JOBS_FIELDS = {
  ...STORE_FIELDS,
  clickhouse_user: text("METERHOUSE_CLICKHOUSE_USER", { default: "jobs" }),
  metrics_host: text("METERHOUSE_METRICS_HOST", { default: "127.0.0.1" }),
  metrics_port: port("METERHOUSE_METRICS_PORT", { default: 9467 }),
  kafka_brokers: list("METERHOUSE_KAFKA_BROKERS"),
  topic: text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
  lease_ms: duration("METERHOUSE_LEASE", { default: "30s", min: "5s", max: "10m" }),
  alert_schedule: text("METERHOUSE_ALERT_SCHEDULE", { default: "* * * * *", check: cronFault }),
  webhook_secret: optional(secret("METERHOUSE_WEBHOOK_SECRET")),
  webhook_private: flag("METERHOUSE_WEBHOOK_PRIVATE", { default: false }),
  webhook_age_ms_max: duration("METERHOUSE_WEBHOOK_AGE", { default: "24h", min: "1m", max: "7d" }),
  invoice_seller: text("METERHOUSE_INVOICE_SELLER", { default: "" }),
  invoice_grace_ms: duration("METERHOUSE_INVOICE_GRACE", { default: "0ms", max: "90d" }),
  invoice_schedule: text("METERHOUSE_INVOICE_SCHEDULE", { default: "40 * * * *", check: cronFault }),
  retention_ms: duration("METERHOUSE_RETENTION", { default: "120d", min: "90d" }),
  export_folder: path("METERHOUSE_EXPORT_FOLDER", { default: "" }),
  retention_user: text("METERHOUSE_RETENTION_USER", { default: "retention" }),
  retention_password: optional(secret("METERHOUSE_RETENTION_PASSWORD")),
  index_schedule: text("METERHOUSE_INDEX_SCHEDULE", { default: "10 * * * *", check: cronFault }),
  retention_schedule: text("METERHOUSE_RETENTION_SCHEDULE", { default: "20 3 * * *", check: cronFault }),
};
