-- All rows of the events that are, or have to be, in one hour and in others, event by event. An event lasts at most 24
-- hours. Rows that lie in another hour than their times say are among them.
WITH split AS
(
    SELECT event_id
    FROM usage_log AS l
    WHERE
        kind = 'event'
        AND ({all_tenants:Bool} OR tenant_id IN {tenants:Array(String)})
        AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
        AND
        (
            (hour = toDateTime({hour:UInt32}, 'UTC') AND (home = 0 OR l.started_at <= toDateTime64({hour:UInt32}, 6, 'UTC')))
            OR (hour = toDateTime({hour:UInt32} - 3600, 'UTC') AND home = 0)
            OR (hour = toDateTime({hour:UInt32} + 3600, 'UTC') AND l.started_at = toDateTime64({hour:UInt32} + 3600, 6, 'UTC'))
            OR
            (
                hour != toDateTime({hour:UInt32}, 'UTC')
                AND l.started_at < toDateTime64({hour:UInt32} + 3600, 6, 'UTC')
                AND l.ended_at > toDateTime64({hour:UInt32}, 6, 'UTC')
            )
        )
)
SELECT
    lower(hex(event_id)), toUnixTimestamp(hour), home, kafka_partition, kafka_offset, payload_hash, payload_hash_high, {{logged_event}}
FROM usage_log AS l
WHERE
    kind = 'event'
    AND event_id IN (SELECT event_id FROM split)
    AND hour >= toDateTime(greatest({hour:UInt32}, 86400) - 86400, 'UTC')
    AND hour <= toDateTime({hour:UInt32} + 86400, 'UTC')
    AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
ORDER BY event_id, hour
