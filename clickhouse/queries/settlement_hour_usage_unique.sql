-- Usage of one hour under a cut, without voided events, of every event once: its first copy by offset. For hours
-- that do not balance; settlement_hour_usage.sql gives the same where they do, and sooner.
SELECT
    {{usage_keys}},
    {{event_sums}},
    arraySort(groupUniqArray(apportionment)) AS apportionments
FROM (
    SELECT *
    FROM usage_log
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
    ORDER BY kafka_offset, kafka_partition
    LIMIT 1 BY event_id
) AS l
GROUP BY {{usage_keys}}
