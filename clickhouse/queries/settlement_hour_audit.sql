-- The double entry of one hour under a cut: sums of its events against sums of the windows that the processor added up,
-- in all and by key. Voids come after: windows know nothing of them.
WITH
    events_by_key AS
    (
        SELECT
            tenant_id, project_id, model, gpu_model, sharing, phase, outcome,
            [
                sum(toUInt128(home)),
                sum(toUInt128(gpu_time_ns)),
                sum(toUInt128(ifNull(gpu_busy_ns, 0))),
                sum(if(isNull(gpu_busy_ns), 0, toUInt128(gpu_time_ns))),
                sum(toUInt128(communication_ns)),
                sum(toUInt128(memory_peak_bytes) * gpu_time_ns),
                sum(toUInt128(ifNull(energy_uj, 0))),
                sum(toUInt128(ifNull(power_avg_mw, 0)) * gpu_time_ns),
                sum(toUInt128(ifNull(power_peak_mw, 0)) * gpu_time_ns),
                sum(toUInt128(ifNull(nvlink_tx_bytes, 0))),
                sum(toUInt128(ifNull(nvlink_rx_bytes, 0))),
                sum(toUInt128(tokens_in)),
                sum(toUInt128(tokens_cached)),
                sum(toUInt128(tokens_out)),
                sum(toUInt128(batch_steps))
            ] AS sums
        FROM usage_log
        WHERE
            kind = 'event'
            AND hour = toDateTime({hour:UInt32}, 'UTC')
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
        GROUP BY ALL
    ),
    windows AS
    (
        SELECT
            tenant_id, project_id, model, gpu_model, sharing, phase, outcome, numbers,
            arrayConcat([numbers[1]], arraySlice(numbers, 6)) AS sums
        FROM usage_log
        WHERE
            kind = 'window'
            AND hour = toDateTime({hour:UInt32}, 'UTC')
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    ),
    by_key AS
    (
        SELECT sumForEachIf(sums, side = 1) AS event_sums, sumForEachIf(sums, side = 2) AS window_sums
        FROM
        (
            SELECT 1 AS side, tenant_id, project_id, model, gpu_model, sharing, phase, outcome, sums FROM events_by_key
            UNION ALL
            SELECT 2 AS side, tenant_id, project_id, model, gpu_model, sharing, phase, outcome, sums FROM windows
        )
        GROUP BY tenant_id, project_id, model, gpu_model, sharing, phase, outcome
    ),
    ids AS
    (
        SELECT
            count() AS slices,
            uniqExact(event_id) AS unique_ids,
            uniqExactIf(event_id, event_id IN
            (
                SELECT event_id FROM usage_log
                WHERE kind = 'void' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
            )) AS voided
        FROM usage_log
        WHERE
            kind = 'event'
            AND hour = toDateTime({hour:UInt32}, 'UTC')
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    )
SELECT
    (SELECT slices FROM ids) AS slices,
    (SELECT unique_ids FROM ids) AS unique_ids,
    (SELECT voided FROM ids) AS voided,
    (SELECT sumForEach(event_sums) FROM by_key) AS event_sums,
    (SELECT sumForEach(window_sums) FROM by_key) AS window_sums,
    (SELECT countIf(arrayResize(event_sums, 15) != arrayResize(window_sums, 15)) FROM by_key) AS differing_keys,
    (SELECT toUInt64(sum(numbers[2])) FROM windows) AS duplicates,
    (SELECT toUInt64(sum(numbers[3])) FROM windows) AS conflicts,
    (SELECT toUInt64(sum(numbers[4])) FROM windows) AS rejected
