/**
 * Every metric of Meterhouse. Times are in seconds and sizes in bytes, as Prometheus has it. Each process exposes the
 * whole table; what it does not do stays at zero or without a label.
 */
export const METRICS = {
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
