-- Settlement writes these tables, as one leader. A close writes its usage_hourly rows first and its hour_close row last:
-- that single row names the attempt, so that rows of an attempt which broke off are in no view. Rating does the same
-- with charges and hour_rating. Rows are never changed; the views read the newest committed attempt.

-- Who leads: the highest (epoch, owner) of a role, until the expires_at of its newest row by this server's clock. Giving a
-- lease back is a row that has expired.
CREATE TABLE leader_lease
(
    role       LowCardinality(String),
    epoch      UInt64,
    owner      String,
    expires_at DateTime64(3, 'UTC'),
    taken_at   DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY (role, epoch, owner, taken_at);

-- One row per revision of an hour.
CREATE TABLE hour_close
(
    -- 1, 2, 3 … over all hours: the order of the hash chain
    sequence      UInt64,
    hour          DateTime('UTC'),
    revision      UInt32,
    attempt_id    UUID,
    reason        String,
    -- by Kafka partition, the first offset that is NOT covered: a row counts if kafka_offset < cut[kafka_partition]
    cut           Map(UInt16, UInt64),
    -- SHA-256 in hexadecimal: of the row before, of this hour's usage, and of this row with the one before
    previous_hash String,
    content_hash  String,
    chain_hash    String,
    balanced      Bool,
    failed_checks Array(LowCardinality(String)),
    -- rows of the hour in usage_log, unique ids among them, and of those the voided ones
    slices        UInt64,
    unique_ids    UInt64,
    voided        UInt64,
    -- keys (tenant, project, model, …) under which events and windows do not agree
    differing_keys UInt64,
    -- as the processor counted them for this hour, where the hour could be read
    duplicates    UInt64,
    conflicts     UInt64,
    rejected      UInt64,
    -- the two sides of the double entry, before voids; both are kept when they differ
    event_sums    Map(LowCardinality(String), UInt128),
    window_sums   Map(LowCardinality(String), UInt128),
    closed_at     DateTime64(3, 'UTC'),
    epoch         UInt64
)
ENGINE = MergeTree
ORDER BY sequence
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE usage_hourly
(
    hour                  DateTime('UTC'),
    revision              UInt32,
    attempt_id            UUID,
    tenant_id             LowCardinality(String),
    project_id            LowCardinality(String),
    model                 LowCardinality(String),
    model_version         LowCardinality(String),
    gpu_model             LowCardinality(String),
    mig_profile           LowCardinality(String),
    sharing               LowCardinality(String),
    phase                 LowCardinality(String),
    outcome               LowCardinality(String),
    events                UInt64,
    gpu_time_ns           UInt128,
    gpu_busy_ns           UInt128,
    gpu_busy_known_ns     UInt128,
    communication_ns      UInt128,
    memory_time_byte_ns   UInt128,
    energy_uj             UInt128,
    power_avg_time_mw_ns  UInt128,
    power_peak_time_mw_ns UInt128,
    nvlink_tx_bytes       UInt128,
    nvlink_rx_bytes       UInt128,
    tokens_in             UInt64,
    tokens_cached         UInt64,
    tokens_out            UInt64,
    batch_steps           UInt64,
    -- sharing policies that the row rests on, sorted
    apportionments        Array(LowCardinality(String))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant_id, hour, attempt_id, project_id, model)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Published price books: their canonical JSON by its SHA-256. Never changed, never taken back.
CREATE TABLE price_books
(
    hash           String,
    name           String,
    effective_from DateTime('UTC'),
    currency       LowCardinality(String),
    content        String,
    published_at   DateTime64(3, 'UTC') DEFAULT now64(3),
    epoch          UInt64
)
ENGINE = MergeTree
ORDER BY effective_from
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- One row per rating of an hour's revision: the commit marker of its charges. `unrated` rows have a card that the book
-- lacks; they are rated again as soon as another book is in force for the hour.
CREATE TABLE hour_rating
(
    hour           DateTime('UTC'),
    revision       UInt32,
    rating         UInt32,
    attempt_id     UUID,
    price_book     String,
    currency       LowCardinality(String),
    rated          UInt64,
    unrated        UInt64,
    unrated_gpus   Array(String),
    -- what tenants pay; the operator's own account is not in it
    charges_total  Decimal(38, 12),
    operator_total Decimal(38, 12),
    content_hash   String,
    rated_at       DateTime64(3, 'UTC'),
    epoch          UInt64
)
ENGINE = MergeTree
ORDER BY (hour, revision, rating)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE charges
(
    hour                 DateTime('UTC'),
    revision             UInt32,
    rating               UInt32,
    attempt_id           UUID,
    payer                Enum8('tenant' = 1, 'operator' = 2),
    billed_to            LowCardinality(String),
    tenant_id            LowCardinality(String),
    project_id           LowCardinality(String),
    model                LowCardinality(String),
    model_version        LowCardinality(String),
    gpu_model            LowCardinality(String),
    mig_profile          LowCardinality(String),
    sharing              LowCardinality(String),
    phase                LowCardinality(String),
    outcome              LowCardinality(String),
    price_book           LowCardinality(String),
    formula              LowCardinality(String),
    currency             LowCardinality(String),
    events               UInt64,
    gpu_time_ns          UInt128,
    gpu_hours            Decimal(38, 12),
    rate_per_gpu_hour    Decimal(38, 12),
    memory_ratio         Decimal(38, 12),
    power_ratio          Decimal(38, 12),
    nvlink_ratio         Decimal(38, 12),
    fluctuation          Decimal(38, 12),
    weight_time          Decimal(38, 12),
    weight_memory        Decimal(38, 12),
    weight_power         Decimal(38, 12),
    weight_nvlink        Decimal(38, 12),
    weight_fluctuation   Decimal(38, 12),
    composite            Decimal(38, 12),
    quality_sharing      Decimal(38, 12),
    quality_outcome      Decimal(38, 12),
    quality_contention   Decimal(38, 12),
    quality_interruption Decimal(38, 12),
    quality_generation   Decimal(38, 12),
    quality              Decimal(38, 12),
    charge               Decimal(38, 12),
    apportionments       Array(LowCardinality(String))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (billed_to, hour, attempt_id, tenant_id, project_id, model)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The newest revision of every closed hour.
CREATE VIEW hour_close_current SQL SECURITY DEFINER AS
SELECT * FROM hour_close ORDER BY revision DESC LIMIT 1 BY hour;

-- All committed revisions, and the newest of each hour.
CREATE VIEW usage_hourly_revisions SQL SECURITY DEFINER AS
SELECT * FROM usage_hourly WHERE attempt_id IN (SELECT attempt_id FROM hour_close);

CREATE VIEW usage_hourly_current SQL SECURITY DEFINER AS
SELECT * FROM usage_hourly WHERE attempt_id IN (SELECT attempt_id FROM hour_close_current);

-- What each revision after the first changed: its sums less those of the one before. Keys that did not change are left out.
CREATE VIEW usage_hourly_changes SQL SECURITY DEFINER AS
WITH signed AS
(
    SELECT 1 AS sign, revision AS of_revision, * FROM usage_hourly_revisions WHERE revision > 1
    UNION ALL
    SELECT -1 AS sign, toUInt32(revision + 1) AS of_revision, * FROM usage_hourly_revisions
    WHERE (hour, revision + 1) IN (SELECT hour, revision FROM hour_close)
)
SELECT
    hour, of_revision AS revision, tenant_id, project_id, model, model_version, gpu_model, mig_profile, sharing, phase,
    outcome,
    sum(sign * toInt128(s.events)) AS events,
    sum(sign * toInt128(s.gpu_time_ns)) AS gpu_time_ns,
    sum(sign * toInt128(s.gpu_busy_ns)) AS gpu_busy_ns,
    sum(sign * toInt128(s.gpu_busy_known_ns)) AS gpu_busy_known_ns,
    sum(sign * toInt128(s.communication_ns)) AS communication_ns,
    sum(sign * toInt128(s.memory_time_byte_ns)) AS memory_time_byte_ns,
    sum(sign * toInt128(s.energy_uj)) AS energy_uj,
    sum(sign * toInt128(s.power_avg_time_mw_ns)) AS power_avg_time_mw_ns,
    sum(sign * toInt128(s.power_peak_time_mw_ns)) AS power_peak_time_mw_ns,
    sum(sign * toInt128(s.nvlink_tx_bytes)) AS nvlink_tx_bytes,
    sum(sign * toInt128(s.nvlink_rx_bytes)) AS nvlink_rx_bytes,
    sum(sign * toInt128(s.tokens_in)) AS tokens_in,
    sum(sign * toInt128(s.tokens_cached)) AS tokens_cached,
    sum(sign * toInt128(s.tokens_out)) AS tokens_out,
    sum(sign * toInt128(s.batch_steps)) AS batch_steps
FROM signed AS s
GROUP BY hour, of_revision, tenant_id, project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome
HAVING (events, gpu_time_ns, gpu_busy_ns, gpu_busy_known_ns, communication_ns, memory_time_byte_ns, energy_uj,
    power_avg_time_mw_ns, power_peak_time_mw_ns, nvlink_tx_bytes, nvlink_rx_bytes, tokens_in, tokens_cached, tokens_out,
    batch_steps) != (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- The charges of every hour's newest rating. A revision that waits for its rating leaves the charges of the one before.
CREATE VIEW hour_rating_current SQL SECURITY DEFINER AS
SELECT * FROM hour_rating ORDER BY revision DESC, rating DESC LIMIT 1 BY hour;

CREATE VIEW charges_current SQL SECURITY DEFINER AS
SELECT * FROM charges WHERE attempt_id IN (SELECT attempt_id FROM hour_rating_current);

CREATE VIEW tenant_totals SQL SECURITY DEFINER AS
SELECT
    payer, billed_to, currency,
    uniqExact(hour) AS hours,
    sum(events) AS events,
    sum(gpu_time_ns) AS gpu_time_ns,
    sum(charge) AS charge
FROM charges_current
GROUP BY payer, billed_to, currency;

-- P6 per GPU and hour: physical = sessions + operator + idle + unattributed, so difference_ns is 0. Sessions and operator
-- are summed from the events, the rest is from the GPU's own totals. A voided event has used the GPU all the same.
CREATE VIEW gpu_hour_account SQL SECURITY DEFINER AS
WITH both AS
(
    SELECT
        hour, gpu_uuid, gpu_model,
        toInt128(wall_time_ns) AS physical, toInt128(0) AS sessions, toInt128(0) AS operator, toInt128(idle_ns) AS idle,
        toInt128(unattributed_ns) AS unattributed, toInt128(attributed_ns) AS totals_sessions,
        toInt128(operator_ns) AS totals_operator
    FROM gpu_totals
    UNION ALL
    SELECT
        hour, gpu_uuid, gpu_model,
        toInt128(0), if(phase = 'inference', toInt128(gpu_time_ns), 0), if(phase = 'inference', 0, toInt128(gpu_time_ns)),
        toInt128(0), toInt128(0), toInt128(0), toInt128(0)
    FROM events
)
SELECT
    hour, gpu_uuid, any(gpu_model) AS gpu_model,
    sum(physical) AS physical_ns,
    sum(sessions) AS sessions_ns,
    sum(operator) AS operator_ns,
    sum(idle) AS idle_ns,
    sum(unattributed) AS unattributed_ns,
    -- what the totals say that went to sessions and to the operator
    sum(totals_sessions) AS totals_sessions_ns,
    sum(totals_operator) AS totals_operator_ns,
    physical_ns - sessions_ns - operator_ns - idle_ns - unattributed_ns AS difference_ns
FROM both
GROUP BY hour, gpu_uuid;
