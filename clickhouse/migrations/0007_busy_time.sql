-- Version 2 of events and totals: what the card worked (busy), how that is known, and what nobody metered. Nothing that is
-- stored changes: an event of version 1 reads as sampled where it has a busy time, and as elapsed where it has none.
ALTER TABLE usage_log
    ADD COLUMN busy_quality Enum8('none' = 0, 'elapsed' = 1, 'sampled' = 2, 'counter' = 3)
        DEFAULT multiIf(kind = 'event' AND isNotNull(gpu_busy_ns), 'sampled', kind IN ('event', 'totals'), 'elapsed', 'none')
        AFTER probe_version,
    -- Of totals.
    ADD COLUMN unmetered_processes String ALIAS reject_detail,
    ADD COLUMN parked_models LowCardinality(String) ALIAS model;

CREATE OR REPLACE VIEW events SQL SECURITY DEFINER AS
SELECT
    event_id, hour, home, tenant_id, project_id, user_id, session_id, sequence, model, model_version, node,
    container_id, gpu_uuid, gpu_model, mig_profile, sharing, rank, world_size, phase, outcome, started_at, ended_at,
    gpu_time_ns, gpu_busy_ns, communication_ns, time_quality, memory_peak_bytes, memory_scope, memory_total_bytes,
    energy_uj, power_avg_mw, power_peak_mw, power_limit_mw, energy_quality, nvlink_tx_bytes, nvlink_rx_bytes,
    tokens_in, tokens_cached, tokens_out, batch_steps, batch_size_avg_milli, apportionment, probe_version, busy_quality,
    payload_hash, kafka_partition, kafka_offset, ingested_at
FROM usage_log
WHERE kind = 'event';

CREATE OR REPLACE VIEW usage_windows SQL SECURITY DEFINER AS
SELECT
    hour, tenant_id, project_id, model, gpu_model, sharing, phase, outcome, kafka_partition, kafka_offset, ingested_at,
    has_usage,
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
    numbers[19] AS batch_steps,
    -- beyond the end of an array of before is 0
    numbers[20] AS gpu_busy_counter_ns
FROM usage_log
WHERE kind = 'window';

CREATE OR REPLACE VIEW gpu_totals SQL SECURITY DEFINER AS
SELECT
    event_id AS totals_id, hour, node, container_id, gpu_uuid, gpu_model, mig_profile, sharing, rank, started_at, ended_at,
    numbers[1] AS wall_time_ns,
    numbers[2] AS attributed_ns,
    numbers[3] AS operator_ns,
    numbers[4] AS idle_ns,
    numbers[5] AS unattributed_ns,
    if(busy_quality = 'elapsed', NULL, numbers[12]) AS busy_ns,
    if(busy_quality = 'elapsed', NULL, numbers[13]) AS busy_attributed_ns,
    if(busy_quality = 'elapsed', NULL, numbers[14]) AS busy_operator_ns,
    if(busy_quality = 'elapsed', NULL, numbers[15]) AS unmetered_ns,
    busy_quality,
    unmetered_processes,
    energy_uj,
    numbers[6] AS energy_attributed_uj,
    numbers[7] AS energy_operator_uj,
    numbers[8] AS energy_idle_uj,
    numbers[16] AS energy_parked_uj,
    numbers[17] AS energy_unmetered_uj,
    parked_models,
    numbers[9] AS steps,
    numbers[10] AS steps_missed,
    numbers[11] AS lost_events,
    probe_version, kafka_partition, kafka_offset, ingested_at
FROM usage_log
WHERE kind = 'totals';

ALTER TABLE usage_hourly ADD COLUMN gpu_busy_counter_ns UInt128 DEFAULT 0 AFTER batch_steps;

-- Version of the texts behind the hashes: 1 has no gpu_busy_counter_ns.
ALTER TABLE hour_close ADD COLUMN text_version UInt8 DEFAULT 1;

-- busy_ns and its shares are 0 where the hour was rated before they were kept: together the shares are 1 else.
ALTER TABLE charges
    ADD COLUMN busy_ns UInt128 DEFAULT 0 AFTER gpu_time_ns,
    ADD COLUMN busy_counter_share Decimal(38, 12) DEFAULT 0 AFTER rate_per_gpu_hour,
    ADD COLUMN busy_sampled_share Decimal(38, 12) DEFAULT 0 AFTER busy_counter_share,
    ADD COLUMN busy_elapsed_share Decimal(38, 12) DEFAULT 0 AFTER busy_sampled_share,
    ADD COLUMN busy_ratio Decimal(38, 12) DEFAULT 0 AFTER busy_elapsed_share,
    ADD COLUMN weight_busy Decimal(38, 12) DEFAULT 0 AFTER weight_time,
    ADD COLUMN weight_held Decimal(38, 12) DEFAULT 0 AFTER weight_busy;

-- Again, as a view has the columns that its tables had when it was made.
CREATE OR REPLACE VIEW hour_close_current SQL SECURITY DEFINER AS
SELECT * FROM hour_close ORDER BY revision DESC LIMIT 1 BY hour;

CREATE OR REPLACE VIEW usage_hourly_revisions SQL SECURITY DEFINER AS
SELECT * FROM usage_hourly WHERE attempt_id IN (SELECT attempt_id FROM hour_close);

CREATE OR REPLACE VIEW usage_hourly_current SQL SECURITY DEFINER AS
SELECT * FROM usage_hourly WHERE attempt_id IN (SELECT attempt_id FROM hour_close_current);

CREATE OR REPLACE VIEW usage_hourly_changes SQL SECURITY DEFINER AS
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
    sum(sign * toInt128(s.batch_steps)) AS batch_steps,
    sum(sign * toInt128(s.gpu_busy_counter_ns)) AS gpu_busy_counter_ns
FROM signed AS s
GROUP BY hour, of_revision, tenant_id, project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome
HAVING (events, gpu_time_ns, gpu_busy_ns, gpu_busy_known_ns, communication_ns, memory_time_byte_ns, energy_uj,
    power_avg_time_mw_ns, power_peak_time_mw_ns, nvlink_tx_bytes, nvlink_rx_bytes, tokens_in, tokens_cached, tokens_out,
    batch_steps, gpu_busy_counter_ns) != (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

CREATE OR REPLACE VIEW charges_current SQL SECURITY DEFINER AS
SELECT * FROM charges WHERE attempt_id IN (SELECT attempt_id FROM hour_rating_current);

CREATE OR REPLACE VIEW charge_lines SQL SECURITY DEFINER AS
SELECT
    concat(
        formatDateTime(hour, '%Y%m%d%H'), '-', toString(revision), '-', toString(rating), '-',
        substring(lower(hex(SHA256(arrayStringConcat(
            [tenant_id, project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome],
            char(31))))), 1, 24)
    ) AS charge_id,
    attempt_id IN (SELECT attempt_id FROM hour_rating_current) AS is_current,
    *
FROM charges
WHERE attempt_id IN (SELECT attempt_id FROM hour_rating);

-- Two balances per GPU and hour. Held: physical = sessions + operator + idle + unattributed, so difference_ns is 0. Busy, where
-- the card says it: busy = busy_sessions + busy_operator + unmetered, so busy_difference_ns is 0. Sessions and operator are summed
-- from the events, the rest is from the GPU's own totals. A voided event has used the GPU all the same.
CREATE OR REPLACE VIEW gpu_hour_account SQL SECURITY DEFINER AS
WITH both AS
(
    SELECT
        hour, gpu_uuid, gpu_model,
        toInt128(wall_time_ns) AS physical, toInt128(0) AS sessions, toInt128(0) AS operator, toInt128(idle_ns) AS idle,
        toInt128(unattributed_ns) AS unattributed, toInt128(attributed_ns) AS totals_sessions,
        toInt128(operator_ns) AS totals_operator,
        toInt128(ifNull(busy_ns, 0)) AS busy, toInt128(0) AS busy_sessions, toInt128(0) AS busy_operator,
        toInt128(ifNull(unmetered_ns, 0)) AS unmetered,
        arrayFilter(name -> name != '', splitByChar(',', unmetered_processes)) AS processes
    FROM gpu_totals
    UNION ALL
    SELECT
        hour, gpu_uuid, gpu_model,
        toInt128(0), if(phase = 'inference', toInt128(gpu_time_ns), 0), if(phase = 'inference', 0, toInt128(gpu_time_ns)),
        toInt128(0), toInt128(0), toInt128(0), toInt128(0),
        toInt128(0),
        if(phase = 'inference' AND busy_quality != 'elapsed', toInt128(ifNull(gpu_busy_ns, 0)), 0),
        if(phase != 'inference' AND busy_quality != 'elapsed', toInt128(ifNull(gpu_busy_ns, 0)), 0),
        toInt128(0),
        []
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
    physical_ns - sessions_ns - operator_ns - idle_ns - unattributed_ns AS difference_ns,
    sum(busy) AS busy_ns,
    sum(busy_sessions) AS busy_sessions_ns,
    sum(busy_operator) AS busy_operator_ns,
    sum(unmetered) AS unmetered_ns,
    busy_ns - busy_sessions_ns - busy_operator_ns - unmetered_ns AS busy_difference_ns,
    arraySort(groupUniqArrayArray(processes)) AS unmetered_processes
FROM both
GROUP BY hour, gpu_uuid;
