-- An event put together from its hours. The id carries the end of the event, which may have begun up to 24 hours before.
SELECT
    lower(hex(any(event_id))) AS id,
    argMax(session_id, h) AS session_id, argMax(sequence, h) AS sequence, argMax(tenant_id, h) AS tenant_id,
    argMax(project_id, h) AS project_id, argMax(user_id, h) AS user_id, argMax(model, h) AS model,
    argMax(model_version, h) AS model_version, argMax(node, h) AS node, argMax(container_id, h) AS container_id,
    argMax(gpu_uuid, h) AS gpu_uuid, argMax(gpu_model, h) AS gpu_model, argMax(mig_profile, h) AS mig_profile,
    argMax(sharing, h) AS sharing, argMax(rank, h) AS rank, argMax(world_size, h) AS world_size,
    argMax(phase, h) AS phase, argMax(outcome, h) AS outcome,
    toUnixTimestamp64Micro(min(e.started_at)) AS started_at, toUnixTimestamp64Micro(max(e.ended_at)) AS ended_at,
    sum(e.gpu_time_ns) AS gpu_time_ns, sumOrNull(e.gpu_busy_ns) AS gpu_busy_ns,
    sum(e.communication_ns) AS communication_ns, argMax(time_quality, h) AS time_quality,
    max(e.memory_peak_bytes) AS memory_peak_bytes, argMax(memory_scope, h) AS memory_scope,
    max(e.memory_total_bytes) AS memory_total_bytes, sumOrNull(e.energy_uj) AS energy_uj,
    max(e.power_avg_mw) AS power_avg_mw, max(e.power_peak_mw) AS power_peak_mw, max(e.power_limit_mw) AS power_limit_mw,
    argMax(energy_quality, h) AS energy_quality, sumOrNull(e.nvlink_tx_bytes) AS nvlink_tx_bytes,
    sumOrNull(e.nvlink_rx_bytes) AS nvlink_rx_bytes, toUInt32(sum(e.tokens_in)) AS tokens_in,
    toUInt32(sum(e.tokens_cached)) AS tokens_cached, toUInt32(sum(e.tokens_out)) AS tokens_out,
    toUInt32(sum(e.batch_steps)) AS batch_steps, max(e.batch_size_avg_milli) AS batch_size_avg_milli,
    argMax(apportionment, h) AS apportionment, argMax(probe_version, h) AS probe_version,
    any(kafka_partition) AS kafka_partition, any(kafka_offset) AS kafka_offset,
    concat(replaceOne(toString(any(e.ingested_at)), ' ', 'T'), 'Z') AS ingested_at,
    arraySort(groupUniqArray(formatDateTime(h, '%Y-%m-%dT%H:00:00Z'))) AS hours
FROM
(
    SELECT *, hour AS h
    FROM usage_log
    WHERE
        kind = 'event' AND event_id = unhex({event_id:String})
        AND hour >= toDateTime({from:UInt32}, 'UTC') AND hour <= toDateTime({to:UInt32}, 'UTC')
    ORDER BY kafka_offset
    LIMIT 1 BY hour
) AS e
HAVING count() > 0
