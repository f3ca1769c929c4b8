import { duration, flag, optional, path, secret, text } from "../adapters/config/fields.ts";
import { serviceFields } from "../adapters/process/fields.ts";
import { kafkaFields } from "../adapters/process/kafka-fields.ts";
import { cronFault } from "../adapters/schedule/schedule.ts";

export const FIELDS = {
  ...serviceFields("jobs", 9467),
  ...kafkaFields(),
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
