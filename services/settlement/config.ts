import { duration, integer, text } from "../adapters/config/fields.ts";
import { serviceFields } from "../adapters/process/fields.ts";
import { kafkaFields } from "../adapters/process/kafka-fields.ts";
import { cronFault } from "../adapters/schedule/schedule.ts";

export const FIELDS = {
  ...serviceFields("settlement", 9465),
  ...kafkaFields(),
  grace_ms: duration("METERHOUSE_GRACE", { default: "10m", max: "7d" }),
  unmetered_percent: integer("METERHOUSE_UNMETERED_PERCENT", { default: 5, min: 0, max: 100 }),
  schedule: text("METERHOUSE_CLOSE_SCHEDULE", { default: "*/5 * * * *", check: cronFault }),
  lease_ms: duration("METERHOUSE_LEASE", { default: "30s", min: "5s", max: "10m" }),
};
