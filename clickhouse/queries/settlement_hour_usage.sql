-- Usage of one hour under a cut, without voided events; of one tenant, or of all. For hours whose ids are unique.
SELECT
    {{usage_keys}},
    {{event_sums}},
    arraySort(groupUniqArray(apportionment)) AS apportionments
FROM usage_log AS l
WHERE
    kind = 'event'
    AND hour = toDateTime({hour:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
    AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    AND (event_id, tenant_id) NOT IN
    (
        SELECT event_id, tenant_id FROM usage_log
        WHERE kind = 'void' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    )
    AND event_id NOT IN
    (
        SELECT event_id FROM usage_log
        WHERE kind = 'void' AND tenant_id = '' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    )
GROUP BY {{usage_keys}}
