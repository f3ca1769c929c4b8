-- An event put together from its hours. The id carries the end of the event, which may have begun up to 24 hours before.
SELECT
    lower(hex(any(event_id))) AS id,
    {{whole_event}},
    any(kafka_partition) AS kafka_partition, any(kafka_offset) AS kafka_offset,
    concat(replaceOne(toString(any(e.ingested_at)), ' ', 'T'), 'Z') AS ingested_at,
    arraySort(groupUniqArray(formatDateTime(h, '%Y-%m-%dT%H:00:00Z'))) AS hours
FROM
(
    SELECT *, hour AS h
    FROM usage_log
    WHERE
        kind = 'event' AND event_id = unhex({event_id:String})
        AND hour >= toDateTime({from:UInt32}, 'UTC') AND hour <= toDateTime({to:UInt32}, 'UTC')
    ORDER BY kafka_offset
    LIMIT 1 BY hour
) AS e
HAVING count() > 0
