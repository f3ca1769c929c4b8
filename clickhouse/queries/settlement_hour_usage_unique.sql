-- Usage of hours, each under a cut of its own, without voided events, of every event once: its first copy by offset. For hours
-- that do not balance; settlement_hour_usage.sql gives the same where they do, and sooner.
SELECT
    toUnixTimestamp(hour) AS hour_start,
    {{usage_keys}},
    {{event_sums}},
    arraySort(groupUniqArray(apportionment)) AS apportionments
FROM (
    SELECT *
    FROM usage_log
    WHERE
        kind = 'event'
        AND hour IN {{hours}}
        AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
        AND {{under_cut}}
        AND NOT {{is_voided}}
    ORDER BY kafka_offset, kafka_partition
    LIMIT 1 BY hour, event_id
) AS l
GROUP BY hour_start, {{usage_keys}}
