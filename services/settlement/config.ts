import { duration, type Field, integer, optional, secret, text } from "../adapters/config/fields.ts";
import { type CloseSigner, closeSigner } from "../adapters/crypto/close-key.ts";
import { serviceFields } from "../adapters/process/fields.ts";
import { kafkaFields } from "../adapters/process/kafka-fields.ts";
import { cronFault } from "../adapters/schedule/schedule.ts";

const { key, isSecret } = secret("METERHOUSE_CLOSE_KEY");
const closeKey: Field<CloseSigner> = {
  key,
  isSecret: isSecret ?? true,
  expected: "an Ed25519 private key as PKCS8 in PEM, or a file named by METERHOUSE_CLOSE_KEY_FILE",
  parse(raw) {
    try {
      return { ok: true, value: closeSigner(raw) };
    } catch {
      return { ok: false, problem: "is no Ed25519 private key in PEM" };
    }
  },
};

export const FIELDS = {
  ...serviceFields("settlement", 9465),
  ...kafkaFields(),
  grace_ms: duration("METERHOUSE_GRACE", { default: "10m", max: "7d" }),
  unmetered_percent: integer("METERHOUSE_UNMETERED_PERCENT", { default: 5, min: 0, max: 100 }),
  schedule: text("METERHOUSE_CLOSE_SCHEDULE", { default: "*/5 * * * *", check: cronFault }),
  hours_max: integer("METERHOUSE_REVISIONS_MAX", { default: 10, min: 1, max: 1_000 }),
  pause_ms: duration("METERHOUSE_REVISION_PAUSE", { default: "15m", max: "1d" }),
  lease_ms: duration("METERHOUSE_LEASE", { default: "30s", min: "5s", max: "10m" }),
  close_key: optional(closeKey),
};
