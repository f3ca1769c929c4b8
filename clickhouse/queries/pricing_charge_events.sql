-- The events of a charge, of one session if it is named: what was measured, as it counts in this hour.
WITH (
    SELECT cut FROM hour_close WHERE hour = toDateTime({hour:UInt32}, 'UTC') AND revision = {revision:UInt32}
) AS closed_cut
SELECT
    lower(hex(event_id)) AS event_id,
    {{measured}},
    kafka_partition, kafka_offset,
    concat(replaceOne(toString(e.ingested_at), ' ', 'T'), 'Z') AS ingested_at
FROM usage_log AS e
WHERE
    kind = 'event'
    AND {{usage_keys_match}}
    AND hour = toDateTime({hour:UInt32}, 'UTC')
    AND ({all_sessions:Bool} OR session_id = {session_id:String})
    AND e.event_id > unhex({after:String})
    AND kafka_offset < closed_cut[kafka_partition]
    AND (e.event_id, e.tenant_id) NOT IN
    (SELECT event_id, tenant_id FROM usage_log WHERE kind = 'void' AND kafka_offset < closed_cut[kafka_partition])
    AND e.event_id NOT IN
    (SELECT event_id FROM usage_log WHERE kind = 'void' AND tenant_id = '' AND kafka_offset < closed_cut[kafka_partition])
ORDER BY e.event_id, kafka_offset, kafka_partition
LIMIT 1 BY e.event_id
LIMIT {limit:UInt32}
