-- usage_log: one append-only log. One insert of the processor is one Native block and becomes one part, so the
-- events, windows, rejects and batch rows of a batch are visible together or not at all.
-- Sorted for reads by tenant and hour; partitioned by ingest day, which is constant within a batch (an insert
-- over several partitions would be several parts, and half of it could stay behind).
CREATE TABLE usage_log
(
    kind                 Enum8('event' = 1, 'window' = 2, 'rejected' = 3, 'void' = 4, 'batch' = 5, 'totals' = 6),
    ingest_day           Date,
    kafka_partition      UInt16,
    kafka_offset         UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    hour                 DateTime('UTC'),
    event_id             FixedString(16),
    payload_hash         UInt64,
    -- 1 on the last slice of an event, 0 on the slices of the hours before it
    home                 UInt8,
    session_id           String,
    sequence             UInt32,
    tenant_id            LowCardinality(String),
    project_id           LowCardinality(String),
    user_id              String,
    model                LowCardinality(String),
    model_version        LowCardinality(String),
    node                 LowCardinality(String),
    container_id         LowCardinality(String),
    gpu_uuid             LowCardinality(String),
    gpu_model            LowCardinality(String),
    mig_profile          LowCardinality(String),
    sharing              Enum8('none' = 0, 'exclusive' = 1, 'mps' = 2, 'timeslice' = 3),
    rank                 UInt16,
    world_size           UInt16,
    phase                Enum8('none' = 0, 'load' = 1, 'warmup' = 2, 'inference' = 3),
    outcome              Enum8('none' = 0, 'ok' = 1, 'error' = 2, 'timeout' = 3, 'cancelled' = 4, 'interrupted' = 5),
    started_at           DateTime64(6, 'UTC'),
    ended_at             DateTime64(6, 'UTC'),
    gpu_time_ns          UInt64,
    gpu_busy_ns          Nullable(UInt64),
    communication_ns     UInt64,
    time_quality         Enum8('none' = 0, 'measured' = 1, 'bounded' = 2, 'estimated' = 3),
    memory_peak_bytes    UInt64,
    memory_scope         Enum8('none' = 0, 'session' = 1, 'shared' = 2),
    memory_total_bytes   UInt64,
    energy_uj            Nullable(UInt64),
    power_avg_mw         Nullable(UInt32),
    power_peak_mw        Nullable(UInt32),
    power_limit_mw       Nullable(UInt32),
    -- 'unknown' is the absence of a record's own value; 'none' is the probe's word for "the hardware does not say"
    energy_quality       Enum8('unknown' = 0, 'counter' = 1, 'integral' = 2, 'model' = 3, 'none' = 4),
    nvlink_tx_bytes      Nullable(UInt64),
    nvlink_rx_bytes      Nullable(UInt64),
    tokens_in            UInt32,
    tokens_cached        UInt32,
    tokens_out           UInt32,
    batch_steps          UInt32,
    batch_size_avg_milli UInt32,
    apportionment        LowCardinality(String),
    probe_version        LowCardinality(String),
    -- Sums of window, batch and totals rows, in the order of the views below. One array keeps these rare rows from
    -- costing every event row some twenty columns of zeros.
    numbers              Array(UInt128),
    reject_code          LowCardinality(String),
    reject_detail        String,
    record_key           String,
    raw                  String CODEC(ZSTD(3)),
    INDEX hour_range hour TYPE minmax GRANULARITY 1,
    PROJECTION batch_positions (SELECT kind, kafka_partition, max(kafka_offset) GROUP BY kind, kafka_partition)
)
ENGINE = MergeTree
PARTITION BY ingest_day
ORDER BY (kind, tenant_id, hour, event_id)
TTL ingest_day + INTERVAL 120 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Who may write which Kafka partition: the highest (epoch, owner) of a partition. Append-only.
CREATE TABLE partition_owner
(
    kafka_partition UInt16,
    epoch           UInt64,
    owner           String,
    taken_at        DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (kafka_partition, epoch, owner);

-- What people query. Views run with the rights of who made them, so that a reader needs no right on the raw log.
CREATE VIEW events SQL SECURITY DEFINER AS
SELECT
    event_id, hour, home, tenant_id, project_id, user_id, session_id, sequence, model, model_version, node,
    container_id, gpu_uuid, gpu_model, mig_profile, sharing, rank, world_size, phase, outcome, started_at, ended_at,
    gpu_time_ns, gpu_busy_ns, communication_ns, time_quality, memory_peak_bytes, memory_scope, memory_total_bytes,
    energy_uj, power_avg_mw, power_peak_mw, power_limit_mw, energy_quality, nvlink_tx_bytes, nvlink_rx_bytes,
    tokens_in, tokens_cached, tokens_out, batch_steps, batch_size_avg_milli, apportionment, probe_version,
    payload_hash, kafka_partition, kafka_offset, ingested_at
FROM usage_log
WHERE kind = 'event';

CREATE VIEW usage_windows SQL SECURITY DEFINER AS
SELECT
    hour, tenant_id, project_id, model, gpu_model, sharing, phase, outcome, kafka_partition, kafka_offset, ingested_at,
    numbers[1] AS events,
    numbers[2] AS duplicates,
    numbers[3] AS conflicts,
    numbers[4] AS rejected,
    numbers[5] AS voids,
    numbers[6] AS gpu_time_ns,
    numbers[7] AS gpu_busy_ns,
    numbers[8] AS gpu_busy_known_ns,
    numbers[9] AS communication_ns,
    numbers[10] AS memory_time_byte_ns,
    numbers[11] AS energy_uj,
    numbers[12] AS power_avg_time_mw_ns,
    numbers[13] AS power_peak_time_mw_ns,
    numbers[14] AS nvlink_tx_bytes,
    numbers[15] AS nvlink_rx_bytes,
    numbers[16] AS tokens_in,
    numbers[17] AS tokens_cached,
    numbers[18] AS tokens_out,
    numbers[19] AS batch_steps
FROM usage_log
WHERE kind = 'window';

CREATE VIEW gpu_totals SQL SECURITY DEFINER AS
SELECT
    event_id AS totals_id, hour, node, container_id, gpu_uuid, gpu_model, mig_profile, sharing, rank, started_at, ended_at,
    numbers[1] AS wall_time_ns,
    numbers[2] AS attributed_ns,
    numbers[3] AS operator_ns,
    numbers[4] AS idle_ns,
    numbers[5] AS unattributed_ns,
    energy_uj,
    numbers[6] AS energy_attributed_uj,
    numbers[7] AS energy_operator_uj,
    numbers[8] AS energy_idle_uj,
    numbers[9] AS steps,
    numbers[10] AS steps_missed,
    numbers[11] AS lost_events,
    probe_version, kafka_partition, kafka_offset, ingested_at
FROM usage_log
WHERE kind = 'totals';

CREATE VIEW batches SQL SECURITY DEFINER AS
SELECT
    kafka_partition,
    numbers[1] AS first_offset,
    kafka_offset AS last_offset,
    numbers[2] AS epoch,
    numbers[3] AS received,
    numbers[4] AS counted,
    numbers[5] AS duplicates,
    numbers[6] AS conflicts,
    numbers[7] AS rejected,
    ingested_at
FROM usage_log
WHERE kind = 'batch';

CREATE VIEW rejected_events SQL SECURITY DEFINER AS
SELECT
    kafka_partition, kafka_offset, ingested_at, reject_code, reject_detail, tenant_id, hour, event_id, payload_hash,
    record_key, raw
FROM usage_log
WHERE kind = 'rejected';

CREATE VIEW event_voids SQL SECURITY DEFINER AS
SELECT event_id, hour, reject_detail AS reason, node AS issued_by, started_at AS issued_at, kafka_partition, kafka_offset, ingested_at
FROM usage_log
WHERE kind = 'void';
