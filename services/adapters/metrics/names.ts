/**
 * Every metric of Meterhouse. Times are in seconds and sizes in bytes, as Prometheus has it. `owners.ts` says which process
 * exports which, and what they are labelled with from the start.
 */
export const METRICS = {
  /** Always 1: what runs is in the labels. */
  build_info: {
    kind: "gauge",
    name: "meterhouse_build_info",
    help: "The version of Meterhouse, and the commit that it was built from where METERHOUSE_COMMIT says it.",
    labels: ["version", "commit"],
  },
  /** Each is tried again. `disk`, `parts` and `read_only` end only when somebody acts. */
  store_failures: {
    kind: "counter",
    name: "meterhouse_clickhouse_failures_total",
    help: "Requests that ClickHouse could not take for now, by what it was short of.",
    labels: ["reason"],
  },
  /** P1: the four outcomes add up to the records read from Kafka. */
  events: {
    kind: "counter",
    name: "meterhouse_events_total",
    help: "Records read from Kafka by what became of them: counted, duplicate, conflict or rejected.",
    labels: ["outcome"],
  },
  /** Which of the rejections it was: a rising code points at one faulty probe or producer. */
  rejected: {
    kind: "counter",
    name: "meterhouse_rejected_total",
    help: "Records that are kept in rejected_events, conflicts among them, by error code.",
    labels: ["code"],
  },
  /** Small batches under load mean that something cuts them early. */
  batch_rows: {
    kind: "histogram",
    name: "meterhouse_batch_rows",
    help: "Rows of all kinds in one insert.",
    labels: [],
    buckets: [1, 10, 100, 1_000, 10_000, 50_000, 100_000, 200_000],
  },
  /** From sending the block to its acknowledgement. */
  insert_seconds: {
    kind: "histogram",
    name: "meterhouse_insert_seconds",
    help: "Time that ClickHouse took to acknowledge an insert.",
    labels: [],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  /** Records in Kafka behind the position in usage_log; not Kafka's committed offsets. */
  consumer_lag: {
    kind: "gauge",
    name: "meterhouse_consumer_lag_records",
    help: "Records between the position in usage_log and the end of the partition.",
    labels: ["partition"],
  },
  /** Records behind the first record of an open transaction: they are in the lag, and nobody may read them yet. */
  records_held_back: {
    kind: "gauge",
    name: "meterhouse_records_held_back",
    help: "Records at the end of the partition that an open transaction holds back.",
    labels: ["partition"],
  },
  /** Copies of an id meet in one partition only if every producer spreads keys by murmur2. */
  records_misplaced: {
    kind: "counter",
    name: "meterhouse_records_misplaced_total",
    help: "Records in another partition than their key's: some producer has another partitioner, or partitions were added.",
    labels: [],
  },
  /** Ids that duplicates are looked up in without asking ClickHouse. */
  dedupe_ids: {
    kind: "gauge",
    name: "meterhouse_dedupe_ids",
    help: "Event ids held in memory.",
    labels: [],
  },
  dedupe_bytes: {
    kind: "gauge",
    name: "meterhouse_dedupe_bytes",
    help: "Memory of the tables that hold event ids.",
    labels: [],
  },
  /** At 1 the current hour itself is forgotten, and every event costs a look-up: raise METERHOUSE_DEDUPE_IDS_MAX before. */
  dedupe_newest_hour: {
    kind: "gauge",
    name: "meterhouse_dedupe_newest_hour_ratio",
    help: "Event ids of the newest hour in memory, as a part of METERHOUSE_DEDUPE_IDS_MAX.",
    labels: [],
  },
  /** Ids of hours no longer in memory; many of them slow a batch down. */
  late_lookups: {
    kind: "counter",
    name: "meterhouse_late_lookups_total",
    help: "Event ids looked up in usage_log because their hour is not in memory.",
    labels: [],
  },
  /** P4: ClickHouse refused a stale owner, a gap, a repeat or a lease that was over. */
  fenced_inserts: {
    kind: "counter",
    name: "meterhouse_fenced_inserts_total",
    help: "Inserts that ClickHouse refused, by the rule that they broke.",
    labels: ["rule"],
  },
  /** A full disk, or an outage while blocks wait. Each is one more try of the same block, with a growing pause. */
  insert_retries: {
    kind: "counter",
    name: "meterhouse_insert_retries_total",
    help: "Inserts that got no answer or found no room, and were not in usage_log.",
    labels: [],
  },
  /** Rebuilt from the position in usage_log after a rebalance, a fence or an outage. */
  stream_restarts: {
    kind: "counter",
    name: "meterhouse_stream_restarts_total",
    help: "Times that the stream of a process was taken up anew, by reason.",
    labels: ["reason"],
  },
  /** Hours that are over, grace included, and not closed. More than one for long: look at the lag and at the log. */
  hours_waiting: {
    kind: "gauge",
    name: "meterhouse_hours_waiting",
    help: "Hours that could be closed by the clock and are not.",
    labels: [],
  },
  closes: {
    kind: "counter",
    name: "meterhouse_closes_total",
    help: "Closes of an hour that wrote a revision, by result: balanced or unbalanced.",
    labels: ["result"],
  },
  close_seconds: {
    kind: "histogram",
    name: "meterhouse_close_seconds",
    help: "Time that one close of an hour took, its audit included.",
    labels: [],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  /** Second and later revisions: what late events and voids changed after an hour's first close. */
  revisions: {
    kind: "counter",
    name: "meterhouse_revisions_total",
    help: "Revisions written of hours that were closed before, by reason.",
    labels: ["reason"],
  },
  /** Late events are held back so that closes come first. Rising for hours: somebody floods closed hours; see late_events. */
  revisions_waiting: {
    kind: "gauge",
    name: "meterhouse_revisions_waiting",
    help: "Closed hours whose late events wait for a later pass of settlement.",
    labels: [],
  },
  /** P5's alarm: events and windows of an hour disagree. Page someone. */
  unbalanced_closes: {
    kind: "counter",
    name: "meterhouse_unbalanced_closes_total",
    help: "Closes whose audit failed, by the check that failed.",
    labels: ["check"],
  },
  late_events: {
    kind: "counter",
    name: "meterhouse_late_events_total",
    help: "Events that arrived behind the cut of a closed hour.",
    labels: [],
  },
  /** Work on a card that no probe meters is nobody's cost: another process, or a service without a probe. */
  unmetered_seconds: {
    kind: "counter",
    name: "meterhouse_unmetered_seconds_total",
    help: "Busy time of GPUs, at the first close of their hours, that no session and no operator explains.",
    labels: [],
  },
  unmetered_gpu_hours: {
    kind: "counter",
    name: "meterhouse_unmetered_gpu_hours_total",
    help: "GPUs by hour whose unmetered time was above METERHOUSE_UNMETERED_PERCENT; the log names each.",
    labels: [],
  },
  /** A price book, or a card in it, is missing: usage is closed and waits for its price. */
  unpriced_hours: {
    kind: "gauge",
    name: "meterhouse_unpriced_hours",
    help: "Closed hours without charges for all of their usage.",
    labels: [],
  },
  /** Requests of one route; `aborted` where the client went away before the response was sent. */
  http_requests: {
    kind: "counter",
    name: "meterhouse_http_requests_total",
    help: "Requests that the API responded to, by route, method and class of the status.",
    labels: ["route", "method", "status"],
  },
  /** From the request's headers to the last byte of the response. */
  http_seconds: {
    kind: "histogram",
    name: "meterhouse_http_request_seconds",
    help: "Time that a request took, by route and method.",
    labels: ["route", "method"],
    buckets: [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30],
  },
  http_in_flight: {
    kind: "gauge",
    name: "meterhouse_http_requests_in_flight",
    help: "Requests that the API is responding to.",
    labels: [],
  },
  /** One that only ever fails shows in the log with its reason. */
  job_runs: {
    kind: "counter",
    name: "meterhouse_job_runs_total",
    help: "Runs of periodic jobs, by result: done or failed.",
    labels: ["job", "result"],
  },
  job_seconds: {
    kind: "histogram",
    name: "meterhouse_job_seconds",
    help: "Time that a completed run of a job took.",
    labels: ["job"],
    buckets: [0.05, 0.25, 1, 5, 15, 60, 300, 1_800],
  },
  /** Far behind the clock: the job fails, or nobody leads. */
  job_due_seconds: {
    kind: "gauge",
    name: "meterhouse_job_due_timestamp_seconds",
    help: "The due time that a job last completed a run for.",
    labels: ["job"],
  },
  /** Attempts, each of which is one HTTP request; `given_up` is the last failed one of an alert. */
  deliveries: {
    kind: "counter",
    name: "meterhouse_webhook_deliveries_total",
    help: "Attempts to deliver an alert's webhook, by result: accepted, failed (it is tried again) or given_up.",
    labels: ["result"],
  },
  deliveries_waiting: {
    kind: "gauge",
    name: "meterhouse_webhook_deliveries_waiting",
    help: "Alerts whose webhook was not accepted yet and is tried again.",
    labels: [],
  },
  retention_kept_days: {
    kind: "gauge",
    name: "meterhouse_retention_kept_days",
    help: "Days of usage_log that are old enough to go and stay, by reason.",
    labels: ["reason"],
  },
  retention_dropped_days: {
    kind: "counter",
    name: "meterhouse_retention_dropped_days_total",
    help: "Exported days that were dropped from usage_log.",
    labels: [],
  },
  rated_charges: {
    kind: "counter",
    name: "meterhouse_rated_charges_total",
    help: "Charge rows written by rating.",
    labels: [],
  },
} as const;
