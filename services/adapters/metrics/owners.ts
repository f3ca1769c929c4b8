// Which process exports which metric, and the label values that are known before anything happens. `increase()` does not
// see a series that is born at 1, so each of these starts at 0; and a process that does not own a metric does not export
// it, so that its zeros are not read as a measurement.
import { AUDIT_CHECKS } from "../../domain/closing/audit.ts";
import { KEPT_REASONS } from "../../domain/closing/retention.ts";
import { REJECT_CODES } from "../../domain/event/codes.ts";
import type { METRICS } from "./names.ts";

/** The processes that stay. */
export const PROCESSES = ["processor", "settlement", "pricing", "jobs"] as const;
export type ProcessName = (typeof PROCESSES)[number];
/** Whatever counts, exported or not. */
export type ProgramName = ProcessName | "migrate" | "meterhouse";

/** Why a block of the processor was not written. */
const BLOCK_RULES = ["fence", "position", "lease", "assignment"] as const;
export type BlockRule = (typeof BLOCK_RULES)[number];

/** Guards that refuse what a leader writes. */
export const LEADER_RULES = [
  "METERHOUSE_STALE_LEADER",
  "METERHOUSE_LEASE_OVER",
  "METERHOUSE_SEQUENCE_TAKEN",
  "METERHOUSE_REVISION_TAKEN",
  "METERHOUSE_LEASE_HELD",
  "METERHOUSE_HOUR_DROPPED",
] as const;

/** What ClickHouse was short of, or `away`. */
const STORE_REASONS = ["away", "disk", "memory", "parts", "read_only", "timeout", "other"] as const;
export type StoreReason = (typeof STORE_REASONS)[number];

export const STATUS_CLASSES = ["2xx", "3xx", "4xx", "5xx", "aborted"] as const;
export const JOB_NAMES = ["alerts", "index", "invoices", "retention"] as const;

type LabelValues = Readonly<Record<string, readonly string[]>>;
type Owners = Readonly<Partial<Record<ProgramName, LabelValues>>>;

/** A label that is not named here has values that only come up later, such as partitions; routes are named by the API itself. */
export const OWNERS: Readonly<Record<keyof typeof METRICS, Owners>> = {
  build_info: { processor: {}, settlement: {}, pricing: {}, jobs: {} },
  store_failures: {
    processor: { reason: STORE_REASONS },
    settlement: { reason: STORE_REASONS },
    pricing: { reason: STORE_REASONS },
    jobs: { reason: STORE_REASONS },
  },
  events: { processor: { outcome: ["counted", "duplicate", "conflict", "rejected"] } },
  rejected: { processor: { code: Object.keys(REJECT_CODES) } },
  batch_rows: { processor: {} },
  insert_seconds: { processor: {} },
  insert_retries: { processor: {} },
  consumer_lag: { processor: {} },
  records_held_back: { processor: {} },
  records_misplaced: { processor: {} },
  dedupe_ids: { processor: {} },
  dedupe_bytes: { processor: {} },
  dedupe_newest_hour: { processor: {} },
  late_lookups: { processor: {} },
  fenced_inserts: {
    processor: { rule: BLOCK_RULES },
    settlement: { rule: LEADER_RULES },
    jobs: { rule: [...LEADER_RULES, "METERHOUSE_VERSION_TAKEN"] },
  },
  stream_restarts: { processor: { reason: BLOCK_RULES } },
  hours_waiting: { settlement: {} },
  closes: { settlement: { result: ["balanced", "unbalanced"] } },
  close_seconds: { settlement: {} },
  revisions: { settlement: { reason: ["late_events", "voids", "by_hand"] } },
  unbalanced_closes: { settlement: { check: AUDIT_CHECKS } },
  late_events: { settlement: {} },
  revisions_waiting: { settlement: {} },
  unmetered_seconds: { settlement: {} },
  unmetered_gpu_hours: { settlement: {} },
  unpriced_hours: { settlement: {} },
  rated_charges: { settlement: {} },
  http_requests: { pricing: {} },
  http_seconds: { pricing: {} },
  http_in_flight: { pricing: {} },
  job_runs: { jobs: { job: JOB_NAMES, result: ["done", "failed"] } },
  job_seconds: { jobs: { job: JOB_NAMES } },
  job_due_seconds: { jobs: {} },
  deliveries: { jobs: { result: ["accepted", "failed", "given_up"] } },
  deliveries_waiting: { jobs: {} },
  retention_kept_days: { jobs: { reason: KEPT_REASONS } },
  retention_dropped_days: { jobs: {} },
};
