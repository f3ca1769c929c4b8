-- The events of a charge, of one session if it is named: what was measured, as it counts in this hour.
WITH (
    SELECT cut FROM hour_close WHERE hour = toDateTime({hour:UInt32}, 'UTC') AND revision = {revision:UInt32}
) AS closed_cut
SELECT
    lower(hex(event_id)) AS event_id, session_id, sequence, user_id, node, container_id, gpu_uuid, rank, world_size,
    concat(replaceOne(toString(e.started_at), ' ', 'T'), 'Z') AS started_at,
    concat(replaceOne(toString(e.ended_at), ' ', 'T'), 'Z') AS ended_at,
    gpu_time_ns, gpu_busy_ns, communication_ns, time_quality, memory_peak_bytes, memory_scope, memory_total_bytes,
    energy_uj, power_avg_mw, power_peak_mw, power_limit_mw, energy_quality, nvlink_tx_bytes, nvlink_rx_bytes,
    tokens_in, tokens_cached, tokens_out, batch_steps, batch_size_avg_milli, apportionment, probe_version,
    kafka_partition, kafka_offset,
    concat(replaceOne(toString(e.ingested_at), ' ', 'T'), 'Z') AS ingested_at
FROM usage_log AS e
WHERE
    kind = 'event'
    AND tenant_id = {tenant_id:String} AND hour = toDateTime({hour:UInt32}, 'UTC')
    AND project_id = {project_id:String} AND model = {model:String} AND model_version = {model_version:String}
    AND gpu_model = {gpu_model:String} AND mig_profile = {mig_profile:String} AND sharing = {sharing:String}
    AND phase = {phase:String} AND outcome = {outcome:String}
    AND ({all_sessions:Bool} OR session_id = {session_id:String})
    AND e.event_id > unhex({after:String})
    AND kafka_offset < closed_cut[kafka_partition]
    AND e.event_id NOT IN
    (SELECT event_id FROM usage_log WHERE kind = 'void' AND kafka_offset < closed_cut[kafka_partition])
ORDER BY e.event_id, kafka_offset, kafka_partition
LIMIT 1 BY e.event_id
LIMIT {limit:UInt32}
