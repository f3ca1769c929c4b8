import { choice, secret, text, url } from "../adapters/config/fields.ts";
import { LOG_LEVELS } from "../adapters/log/log.ts";

/** Settings of `migrate`. */
export const fields = {
  clickhouseUrl: url("METERHOUSE_CLICKHOUSE_URL", { default: "http://127.0.0.1:8123" }),
  clickhouseDatabase: text("METERHOUSE_CLICKHOUSE_DATABASE", { default: "meterhouse" }),
  clickhouseUser: text("METERHOUSE_CLICKHOUSE_USER", { default: "migrate" }),
  clickhousePassword: secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
  logLevel: choice("METERHOUSE_LOG_LEVEL", LOG_LEVELS, { default: "info" }),
};
