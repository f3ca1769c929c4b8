-- The sessions of a charge: its events under the cut of its hour's revision, each once and without voided ones.
WITH (
    SELECT cut FROM hour_close WHERE hour = toDateTime({hour:UInt32}, 'UTC') AND revision = {revision:UInt32}
) AS closed_cut
SELECT
    session_id,
    sum(toUInt64(e.home)) AS events,
    concat(replaceOne(toString(min(e.started_at)), ' ', 'T'), 'Z') AS started_at,
    concat(replaceOne(toString(max(e.ended_at)), ' ', 'T'), 'Z') AS ended_at,
    sum(toUInt128(e.gpu_time_ns)) AS gpu_time_ns,
    max(e.memory_peak_bytes) AS memory_peak_bytes,
    sum(toUInt128(ifNull(e.energy_uj, 0))) AS energy_uj,
    sum(toUInt64(e.tokens_in)) AS tokens_in,
    sum(toUInt64(e.tokens_out)) AS tokens_out,
    arraySort(groupUniqArray(e.apportionment)) AS apportionments
FROM
(
    SELECT *
    FROM usage_log
    WHERE
        kind = 'event'
        AND {{usage_keys_match}}
        AND hour = toDateTime({hour:UInt32}, 'UTC')
        AND session_id > {after:String}
        AND kafka_offset < closed_cut[kafka_partition]
        AND (event_id, tenant_id) NOT IN
        (SELECT event_id, tenant_id FROM usage_log WHERE kind = 'void' AND kafka_offset < closed_cut[kafka_partition])
        AND event_id NOT IN
        (SELECT event_id FROM usage_log WHERE kind = 'void' AND tenant_id = '' AND kafka_offset < closed_cut[kafka_partition])
    ORDER BY kafka_offset, kafka_partition
    LIMIT 1 BY event_id
) AS e
GROUP BY session_id
ORDER BY session_id
LIMIT {limit:UInt32}
