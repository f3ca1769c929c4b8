import { choice, duration, list, port, secret, text, url } from "../adapters/config/fields.ts";
import { LOG_LEVELS } from "../adapters/log/log.ts";
import { cronFault } from "../adapters/schedule/schedule.ts";

export const FIELDS = {
  log_level: choice("METERHOUSE_LOG_LEVEL", LOG_LEVELS, { default: "info" }),
  metrics_host: text("METERHOUSE_METRICS_HOST", { default: "127.0.0.1" }),
  metrics_port: port("METERHOUSE_METRICS_PORT", { default: 9465 }),
  kafka_brokers: list("METERHOUSE_KAFKA_BROKERS"),
  topic: text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
  clickhouse_url: url("METERHOUSE_CLICKHOUSE_URL"),
  clickhouse_database: text("METERHOUSE_CLICKHOUSE_DATABASE", { default: "meterhouse" }),
  clickhouse_user: text("METERHOUSE_CLICKHOUSE_USER", { default: "settlement" }),
  clickhouse_password: secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
  price_books: list("METERHOUSE_PRICE_BOOKS", { default: [] }),
  grace_ms: duration("METERHOUSE_GRACE", { default: "10m", max: "7d" }),
  schedule: text("METERHOUSE_CLOSE_SCHEDULE", { default: "*/5 * * * *", check: cronFault }),
  lease_ms: duration("METERHOUSE_LEASE", { default: "30s", min: "5s", max: "10m" }),
};
