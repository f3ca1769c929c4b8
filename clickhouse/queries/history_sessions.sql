-- Sessions of a model on a card in some hours of some tenants, as sums to be rated: a row a session, rank and key. The hours
-- are found by the primary key (kind, tenant, hour), and of their sessions the share that `keep` says is taken, by a hash.
-- Voided events are left out. Moments in microseconds.
WITH arrayZip({tenants:Array(String)}, arrayMap(it -> toDateTime(it, 'UTC'), {hours:Array(UInt32)})) AS places
SELECT
    {{usage_keys}}, session_id, rank, any(world_size) AS ranks,
    min(sequence) AS first_sequence, max(sequence) AS last_sequence,
    toUnixTimestamp64Micro(min(l.started_at)) AS began_at, toUnixTimestamp64Micro(max(l.ended_at)) AS ended_at,
    {{event_sums}},
    arraySort(groupUniqArray(apportionment)) AS apportionments
FROM usage_log AS l
WHERE
    kind = 'event' AND (l.tenant_id, l.hour) IN (SELECT arrayJoin(places))
    AND cityHash64(l.session_id) <= {keep:Map(String, UInt64)}[toString(l.tenant_id)]
    AND model = {model:String} AND {{card_match}}
    AND phase = 'inference' AND ({all_projects:Bool} OR project_id = {project_id:String})
    AND (l.event_id, l.tenant_id) NOT IN (SELECT event_id, tenant_id FROM usage_log WHERE kind = 'void')
    AND l.event_id NOT IN (SELECT event_id FROM usage_log WHERE kind = 'void' AND tenant_id = '')
GROUP BY {{usage_keys}}, session_id, rank
ORDER BY tenant_id, session_id, rank
LIMIT {limit:UInt32}
