-- Usage of one hour under a cut, without voided events, of every event once: its first copy by offset. For hours
-- that do not balance; settlement_hour_usage.sql gives the same where they do, and sooner.
SELECT
    tenant_id, project_id, model, model_version, gpu_model, mig_profile,
    sharing, phase, outcome,
    sum(toUInt128(l.home)) AS events,
    sum(toUInt128(l.gpu_time_ns)) AS gpu_time_ns,
    sum(toUInt128(ifNull(l.gpu_busy_ns, 0))) AS gpu_busy_ns,
    sum(if(isNull(l.gpu_busy_ns), 0, toUInt128(l.gpu_time_ns))) AS gpu_busy_known_ns,
    sum(toUInt128(l.communication_ns)) AS communication_ns,
    sum(toUInt128(l.memory_peak_bytes) * l.gpu_time_ns) AS memory_time_byte_ns,
    sum(toUInt128(ifNull(l.energy_uj, 0))) AS energy_uj,
    sum(toUInt128(ifNull(l.power_avg_mw, 0)) * l.gpu_time_ns) AS power_avg_time_mw_ns,
    sum(toUInt128(ifNull(l.power_peak_mw, 0)) * l.gpu_time_ns) AS power_peak_time_mw_ns,
    sum(toUInt128(ifNull(l.nvlink_tx_bytes, 0))) AS nvlink_tx_bytes,
    sum(toUInt128(ifNull(l.nvlink_rx_bytes, 0))) AS nvlink_rx_bytes,
    sum(toUInt128(l.tokens_in)) AS tokens_in,
    sum(toUInt128(l.tokens_cached)) AS tokens_cached,
    sum(toUInt128(l.tokens_out)) AS tokens_out,
    sum(toUInt128(l.batch_steps)) AS batch_steps,
    arraySort(groupUniqArray(apportionment)) AS apportionments
FROM (
    SELECT *
    FROM usage_log
    WHERE
        kind = 'event'
        AND hour = toDateTime({hour:UInt32}, 'UTC')
        AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
        AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
        AND event_id NOT IN
        (
            SELECT event_id FROM usage_log
            WHERE kind = 'void' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
        )
    ORDER BY kafka_offset, kafka_partition
    LIMIT 1 BY event_id
) AS l
GROUP BY tenant_id, project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome
