-- Sessions of a model on a card in some hours of some tenants, as sums to be rated: a row a session, rank and key. The hours
-- are found by the primary key (kind, tenant, hour), and of their sessions the share that `keep` says is taken, by a hash.
-- Voided events are left out. Moments in microseconds.
WITH arrayZip({tenants:Array(String)}, arrayMap(it -> toDateTime(it, 'UTC'), {hours:Array(UInt32)})) AS places
SELECT
    tenant_id, session_id, rank, any(world_size) AS ranks,
    min(sequence) AS first_sequence, max(sequence) AS last_sequence, sum(toUInt64(home)) AS events,
    toUnixTimestamp64Micro(min(l.started_at)) AS began_at, toUnixTimestamp64Micro(max(l.ended_at)) AS ended_at,
    project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome,
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
FROM usage_log AS l
WHERE
    kind = 'event' AND (l.tenant_id, l.hour) IN (SELECT arrayJoin(places))
    AND cityHash64(l.session_id) <= {keep:Map(String, UInt64)}[toString(l.tenant_id)]
    AND model = {model:String} AND gpu_model = {gpu_model:String} AND mig_profile = {mig_profile:String}
    AND phase = 'inference' AND ({all_projects:Bool} OR project_id = {project_id:String})
    AND l.event_id NOT IN (SELECT event_id FROM usage_log WHERE kind = 'void')
GROUP BY
    tenant_id, session_id, rank, project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome
ORDER BY tenant_id, session_id, rank
LIMIT {limit:UInt32}
