-- Event rows of one hour under a cut that are whole events, of some tenants or of all. Nothing is sorted
-- or grouped, so that an hour of any size can be looked through as it comes.
SELECT
    lower(hex(event_id)), toUnixTimestamp(hour), home, kafka_partition, kafka_offset, payload_hash, payload_hash_high, {{logged_event}}
FROM usage_log AS l
WHERE
    kind = 'event'
    AND hour = toDateTime({hour:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR tenant_id IN {tenants:Array(String)})
    AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    AND home = 1
    AND l.started_at > toDateTime64({hour:UInt32}, 6, 'UTC')
