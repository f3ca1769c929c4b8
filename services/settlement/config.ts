import { duration, integer, list, text } from "../adapters/config/fields.ts";
import { serviceFields } from "../adapters/process/fields.ts";
import { cronFault } from "../adapters/schedule/schedule.ts";

export const FIELDS = {
  ...serviceFields("settlement", 9465),
  kafka_brokers: list("METERHOUSE_KAFKA_BROKERS"),
  topic: text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
  grace_ms: duration("METERHOUSE_GRACE", { default: "10m", max: "7d" }),
  unmetered_percent: integer("METERHOUSE_UNMETERED_PERCENT", { default: 5, min: 0, max: 100 }),
  schedule: text("METERHOUSE_CLOSE_SCHEDULE", { default: "*/5 * * * *", check: cronFault }),
  hours_max: integer("METERHOUSE_REVISIONS_MAX", { default: 10, min: 1, max: 1_000 }),
  pause_ms: duration("METERHOUSE_REVISION_PAUSE", { default: "15m", max: "1d" }),
  lease_ms: duration("METERHOUSE_LEASE", { default: "30s", min: "5s", max: "10m" }),
};
