import { choice, secret, text, url } from "../adapters/config/fields.ts";
import { LOG_LEVELS } from "../adapters/log/log.ts";
import { clickhouseUrl, storeFields } from "../adapters/process/fields.ts";
import { kafkaFields } from "../adapters/process/kafka-fields.ts";

/** Settings of `migrate`. */
export const MIGRATE_FIELDS = {
  ...storeFields("migrate"),
  clickhouse_url: clickhouseUrl({ default: "http://127.0.0.1:8123" }),
};

/** Settings of `topic ensure`. */
export const TOPIC_FIELDS = {
  log_level: choice("METERHOUSE_LOG_LEVEL", LOG_LEVELS, { default: "info" }),
  ...kafkaFields(),
  consumer_group: text("METERHOUSE_CONSUMER_GROUP", { default: "meterhouse-processor" }),
};

/** Settings of the other `topic` commands: as the processor, whose log they change. */
export const TOPIC_LOG_FIELDS = { ...storeFields("processor"), ...kafkaFields() };

/** Settings of every command that asks the API. */
export const API_FIELDS = {
  api_url: url("METERHOUSE_API_URL", { default: "http://127.0.0.1:8080" }),
  api_key: secret("METERHOUSE_API_KEY"),
};
