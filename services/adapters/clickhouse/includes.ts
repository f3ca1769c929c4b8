// What queries leave out: {{name}} in a file of clickhouse/queries stands for a text that is made here from the fields of the
// event and the columns of the log, so that no query names what may grow. clickhouse/README.md says what each is for.
import { COLUMN_NAMES, COLUMNS } from "../../domain/block/columns.ts";
import { EVENT_TEXT_FIELDS, QUANTITY_FIELDS } from "../../domain/closing/logged-event.ts";
import { USAGE_KEYS, USAGE_SUMS } from "../../domain/closing/usage.ts";
import {
  CARD_FIELDS,
  EVENT_SUMS,
  FIELD_NAMES,
  type FieldName,
  fieldOf,
  fieldsWith,
  type SumOfEvents,
} from "../../domain/event/fields.ts";
import { CHARGE_FACTORS } from "../../domain/rating/charges.ts";
import { WINDOW_SUMS } from "../../domain/window/sums.ts";
import { sqlType } from "./native.ts";

const listed = (parts: readonly string[], indent = "    "): string => parts.join(`,\n${indent}`);
const inLine = (names: readonly string[]): string => names.join(", ");

/** Of event rows `l`. The prefix keeps a column apart from the sum of its name. */
function sumOf({ name, field, rule }: SumOfEvents): string {
  const { nullable } = fieldOf(field);
  const quantity = `toUInt128(${nullable ? `ifNull(l.${field}, 0)` : `l.${field}`})`;
  switch (rule) {
    case "plain":
      return `sum(${quantity}) AS ${name}`;
    case "times_gpu_time":
      return `sum(${quantity} * l.gpu_time_ns) AS ${name}`;
    case "where_busy_measured":
      return `sumIf(${quantity}, l.busy_quality != 'elapsed') AS ${name}`;
    case "gpu_time_where_busy_measured":
      return `sumIf(toUInt128(l.gpu_time_ns), l.busy_quality != 'elapsed') AS ${name}`;
    case "gpu_time_where_busy_counter":
      return `sumIf(toUInt128(l.gpu_time_ns), l.busy_quality = 'counter') AS ${name}`;
  }
}

const iso = (moment: string): string => `concat(replaceOne(toString(${moment}), ' ', 'T'), 'Z')`;
const isAs = (names: readonly FieldName[]): string =>
  names.map((name) => `${name} = {${name}:String}`).join(" AND ");
const micros = (moment: string): string => `toUnixTimestamp64Micro(${moment})`;

/** A column of an event, from its hours `e`; `h` is the hour. What is the same in all hours is the last one's. */
function wholeOf(name: FieldName): string {
  const { kind, nullable, split } = fieldOf(name);
  if (kind === "time") return `${micros(`${name === "started_at" ? "min" : "max"}(e.${name})`)} AS ${name}`;
  if (!split) return `argMax(e.${name}, h) AS ${name}`;
  const sum = `${nullable ? "sumOrNull" : "sum"}(e.${name})`;
  return kind === "uint64" ? `${sum} AS ${name}` : `toUInt32(${sum}) AS ${name}`;
}

const WITHOUT_ID = FIELD_NAMES.filter((name) => name !== "event_id");
const KEYS: ReadonlySet<string> = new Set(USAGE_KEYS);
const structure = COLUMN_NAMES.map((name) => `${name} ${sqlType(COLUMNS[name])}`).join(", ");

/** The first offset that the hour's own cut does not cover; hours and partitions make the keys of `CutParams`. */
const cutOf = (hour: string): string =>
  `transform(toUInt64(${hour}) * 65536 + kafka_partition, {cut_keys:Array(UInt64)}, {cut_offsets:Array(UInt64)}, toUInt64(0))`;

/** As the log was when closes began to vouch for it: a hash that was made of these stays theirs, so the list never changes. */
const LOG_COLUMNS_1 = `kind, ingest_day, kafka_partition, kafka_offset, ingested_at, hour, event_id, payload_hash, payload_hash_high, home, session_id,
    sequence, tenant_id, project_id, user_id, model, model_version, node, container_id, gpu_uuid, gpu_model, mig_profile, sharing,
    rank, world_size, phase, outcome, started_at, ended_at, gpu_time_ns, gpu_busy_ns, communication_ns, time_quality,
    memory_peak_bytes, memory_scope, memory_total_bytes, energy_uj, power_avg_mw, power_peak_mw, power_limit_mw, energy_quality,
    nvlink_tx_bytes, nvlink_rx_bytes, tokens_in, tokens_cached, tokens_out, batch_steps, batch_size_avg_milli, apportionment,
    probe_version, busy_quality, numbers, reject_code, reject_detail, record_key, raw`;

const VOIDS = `(
        SELECT event_id, tenant_id, kafka_partition, kafka_offset, arrayJoin({hours:Array(UInt32)}) AS voided_hour
        FROM usage_log
        WHERE kind = 'void'
    ) WHERE kafka_offset < ${cutOf("voided_hour")}`;

const INCLUDES: Readonly<Record<string, string>> = {
  usage_keys: inLine(USAGE_KEYS),
  usage_keys_match: isAs(fieldsWith({ usage_key: true })),
  usage_sum_names: inLine(USAGE_SUMS),
  event_sums: listed(["sum(toUInt128(l.home)) AS events", ...EVENT_SUMS.map(sumOf)]),
  window_keys: inLine(fieldsWith({ window_key: true })),
  // adding up the arrays and naming the sums takes a fifth of the time of adding up each number by its name
  window_sums: `mapFromArrays([${inLine(WINDOW_SUMS.map((name) => `'${name}'`))}],
        arrayResize(sumForEach(w.numbers), ${WINDOW_SUMS.length}))`,
  window_usage_sums: inLine(USAGE_SUMS.map((name) => `sums['${name}']`)),
  charge_factors: inLine(CHARGE_FACTORS),
  card: inLine(CARD_FIELDS),
  card_match: isAs(CARD_FIELDS),
  card_text: `arrayStringConcat(arrayFilter(part -> part != '', [${inLine(
    CARD_FIELDS.map((name) => `toString(${name})`),
  )}]), ' ')`,
  measured: listed(
    WITHOUT_ID.filter((name) => !KEYS.has(name)).map((name) =>
      fieldOf(name).kind === "time" ? `${iso(`e.${name}`)} AS ${name}` : name,
    ),
  ),
  whole_event: listed(WITHOUT_ID.map(wholeOf)),
  logged_event: inLine([
    ...EVENT_TEXT_FIELDS,
    ...QUANTITY_FIELDS.map((name) => (fieldOf(name).kind === "time" ? micros(`l.${name}`) : name)),
  ]),
  hours: "(SELECT toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'))",
  under_cut: `kafka_offset < ${cutOf("toUnixTimestamp(hour)")}`,
  // a void of version 1 names no tenant
  is_voided: `(
        (toUnixTimestamp(hour), event_id, tenant_id) IN (SELECT voided_hour, event_id, tenant_id FROM ${VOIDS})
        OR (toUnixTimestamp(hour), event_id) IN (SELECT voided_hour, event_id FROM ${VOIDS} AND tenant_id = '')
    )`,
  row_hash_1: `reinterpretAsUInt256(SHA256(toString(tuple(${LOG_COLUMNS_1}))))`,
  block_columns: inLine(COLUMN_NAMES),
  block_structure: structure.replaceAll("\\", "\\\\").replaceAll("'", "\\'"),
};

/** @throws Error that names an include which is not there */
export function withIncludes(sql: string): string {
  return sql.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const text = INCLUDES[name];
    if (text === undefined) throw new Error(`a query includes {{${name}}}, which is not there`);
    return text;
  });
}
