import { list, secret, text, url } from "../adapters/config/fields.ts";
import { storeFields } from "../adapters/process/fields.ts";

/** Settings of `migrate`. */
export const MIGRATE_FIELDS = {
  ...storeFields("migrate"),
  clickhouse_url: url("METERHOUSE_CLICKHOUSE_URL", { default: "http://127.0.0.1:8123" }),
};

/** Settings of every command that asks the API. */
export const API_FIELDS = {
  api_url: url("METERHOUSE_API_URL", { default: "http://127.0.0.1:8080" }),
  api_key: secret("METERHOUSE_API_KEY"),
};

const KAFKA_FIELDS = {
  kafka_brokers: list("METERHOUSE_KAFKA_BROKERS"),
  topic: text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
};

/** Settings of the `topic` commands: as the processor, whose log they change. */
export const TOPIC_FIELDS = { ...storeFields("processor"), ...KAFKA_FIELDS };
