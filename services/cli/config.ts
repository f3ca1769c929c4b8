import { secret, url } from "../adapters/config/fields.ts";
import { clickhouseUrl, storeFields } from "../adapters/process/fields.ts";

/** Settings of `migrate`. */
export const MIGRATE_FIELDS = {
  ...storeFields("migrate"),
  clickhouse_url: clickhouseUrl({ default: "http://127.0.0.1:8123" }),
};

/** Settings of every command that asks the API. */
export const API_FIELDS = {
  api_url: url("METERHOUSE_API_URL", { default: "http://127.0.0.1:8080" }),
  api_key: secret("METERHOUSE_API_KEY"),
};
