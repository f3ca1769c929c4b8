import { existsSync, readFileSync } from "node:fs";
import { confluentIds, loadSchemas } from "../adapters/avro/schemas.ts";
import { choice, duration, type Field, flag, integer, optional, text } from "../adapters/config/fields.ts";
import { parseSessionKeys } from "../adapters/crypto/session-keys.ts";
import { correctionMacsField } from "../adapters/process/correction-key.ts";
import { serviceFields } from "../adapters/process/fields.ts";
import { kafkaFields } from "../adapters/process/kafka-fields.ts";
import type { SignatureCheck } from "../domain/trust/sessions.ts";

const SESSION_KEYS: Field<SignatureCheck> = {
  key: "METERHOUSE_SESSION_KEYS_FILE",
  expected:
    'the path of a JSON object such as {"2026-11":"…"}: key ids, and public Ed25519 keys in base64url',
  parse: (file) => {
    const check = parseSessionKeys(readOrEmpty(file));
    return check === undefined ? { ok: false, problem: "names no such file" } : { ok: true, value: check };
  },
};

const readOrEmpty = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

const SCHEMA_IDS: Field<ReadonlyMap<number, string>> = {
  key: "METERHOUSE_CONFLUENT_SCHEMA_IDS",
  expected: `ids and schemas separated by commas, such as 1=gpu_time_event/v1; schemas are ${schemaNames().join(", ")}`,
  parse: (raw) => {
    const ids = confluentIds(raw.split(",").map((line) => line.trim()));
    if (ids === undefined) return { ok: false, problem: "is not like that" };
    const unknown = [...ids.values()].find((name) => !schemaNames().includes(name));
    return unknown === undefined
      ? { ok: true, value: ids }
      : { ok: false, problem: `names the schema ${unknown}, which is not there` };
  },
};

export const FIELDS = {
  ...serviceFields("processor", 9464),
  ...kafkaFields(),
  consumer_group: text("METERHOUSE_CONSUMER_GROUP", { default: "meterhouse-processor" }),
  block_rows_max: integer("METERHOUSE_BLOCK_ROWS_MAX", { default: 100_000, min: 1, max: 1_000_000 }),
  block_bytes_max: integer("METERHOUSE_BLOCK_BYTES_MAX", {
    default: 33_554_432,
    min: 65_536,
    max: 268_435_456,
  }),
  topic_refresh_ms: duration("METERHOUSE_TOPIC_REFRESH", { default: "30s", min: "1s", max: "5m" }),
  topic_check: choice("METERHOUSE_TOPIC_CHECK", ["refuse", "warn", "off"], { default: "warn" }),
  misplaced_records: choice("METERHOUSE_MISPLACED_RECORDS", ["look_up", "reject"], { default: "look_up" }),
  flush_ms: duration("METERHOUSE_FLUSH", { default: "1s", min: "10ms", max: "60s" }),
  session_timeout_ms: duration("METERHOUSE_SESSION_TIMEOUT", { default: "30s", min: "6s", max: "5m" }),
  dedupe_hours: integer("METERHOUSE_DEDUPE_HOURS", { default: 2, min: 1, max: 168 }),
  dedupe_ids_max: integer("METERHOUSE_DEDUPE_IDS_MAX", { default: 20_000_000, min: 1_000, max: 500_000_000 }),
  event_age_max_ms: duration("METERHOUSE_EVENT_AGE_MAX", { default: "90d", min: "1h", max: "90d" }),
  fetch_bytes_max: integer("METERHOUSE_FETCH_BYTES_MAX", {
    default: 16_777_216,
    min: 65_536,
    max: 268_435_456,
  }),
  batch_bytes_max: integer("METERHOUSE_BATCH_BYTES_MAX", {
    default: 67_108_864,
    min: 1_048_576,
    max: 268_435_456,
  }),
  confluent_ids: optional(SCHEMA_IDS),
  correction_macs: correctionMacsField(),
  session_check: optional(SESSION_KEYS),
  require_signed_sessions: flag("METERHOUSE_REQUIRE_SIGNED_SESSIONS", { default: false }),
  unsigned_voids: optional(flag("METERHOUSE_UNSIGNED_VOIDS")),
};

function schemaNames(): string[] {
  return loadSchemas().map(({ record, version }) => `${record}/${version}`);
}
