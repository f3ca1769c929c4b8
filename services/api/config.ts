import { duration, flag, integer, networks, port, text } from "../adapters/config/fields.ts";
import { correctionMacsField } from "../adapters/process/correction-key.ts";
import { serviceFields, storeFields } from "../adapters/process/fields.ts";
import { kafkaFields } from "../adapters/process/kafka-fields.ts";

/** What `key create` needs. */
export const KEY_FIELDS = storeFields("pricing");

export const FIELDS = {
  ...serviceFields("pricing", 9466),
  api_host: text("METERHOUSE_API_HOST", { default: "127.0.0.1" }),
  api_port: port("METERHOUSE_API_PORT", { default: 8080 }),
  api_rate: integer("METERHOUSE_API_RATE", { default: 50, min: 1, max: 100_000 }),
  api_expensive_max: integer("METERHOUSE_API_EXPENSIVE_MAX", { default: 4, min: 1, max: 1_000 }),
  trusted_proxies: networks("METERHOUSE_TRUSTED_PROXIES", { default: [] }),
  ...kafkaFields(),
  invoice_seller: text("METERHOUSE_INVOICE_SELLER", { default: "" }),
  webhook_private: flag("METERHOUSE_WEBHOOK_PRIVATE", { default: false }),
  correction_macs: correctionMacsField(),
  event_age_ms_max: duration("METERHOUSE_EVENT_AGE_MAX", { default: "90d", min: "1h", max: "90d" }),
};
