-- Closed hours that later records change: events of theirs, or the first void of an event of theirs, between the cut of
-- their newest revision and the cut of this pass. Hours of which rows may have been dropped are never dirty: what is left
-- of them would add up to less.
WITH
    closed AS
    (
        SELECT hour, cut, closed_at FROM hour_close_current WHERE hour > (SELECT max(through_hour) FROM log_drops)
    ),
    late AS
    (
        SELECT DISTINCT w.hour AS hour, c.closed_at AS revised_at
        FROM usage_windows AS w
        INNER JOIN closed AS c ON c.hour = w.hour
        WHERE
        w.kafka_offset < {cut:Map(UInt16, UInt64)}[w.kafka_partition]
        AND w.kafka_offset >= c.cut[w.kafka_partition]
        AND w.has_usage
    ),
    first_voids AS
    (
        SELECT event_id, tenant_id, kafka_partition, min(kafka_offset) AS first_offset, any(hour) AS hour
        FROM usage_log
        WHERE kind = 'void' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
        GROUP BY event_id, tenant_id, kafka_partition
    ),
    -- The void's own hour is the event's last one: it is revised last, so a void is new until that hour covers it.
    new_voids AS
    (
        SELECT v.event_id AS event_id, v.tenant_id AS tenant_id, v.kafka_partition AS kafka_partition, v.first_offset AS first_offset, v.hour AS hour
        FROM first_voids AS v
        LEFT JOIN closed AS c ON c.hour = v.hour
        WHERE v.first_offset >= c.cut[v.kafka_partition]
    )
SELECT toUnixTimestamp(hour) AS hour, sum(events) AS late_events, sum(voids) AS late_voids,
    toUnixTimestamp64Milli(max(revised_at)) AS closed_at
FROM
(
    SELECT hour, toUInt64(0) AS events, toUInt64(0) AS voids, revised_at FROM late
    UNION ALL
    -- an event over several hours is whole in its last one alone: what is late in an hour are its rows of events
    SELECT e.hour AS hour, toUInt64(1) AS events, toUInt64(0) AS voids, c.closed_at AS revised_at
    FROM usage_log AS e
    INNER JOIN closed AS c ON c.hour = e.hour
    WHERE
        e.kind = 'event'
        AND e.hour IN (SELECT hour FROM late)
        AND e.kafka_offset < {cut:Map(UInt16, UInt64)}[e.kafka_partition]
        AND e.kafka_offset >= c.cut[e.kafka_partition]
    UNION ALL
    SELECT e.hour AS hour, toUInt64(0) AS events, toUInt64(1) AS voids, c.closed_at AS revised_at
    FROM usage_log AS e
    INNER JOIN new_voids AS v ON v.event_id = e.event_id
    INNER JOIN closed AS c ON c.hour = e.hour
    WHERE
        e.kind = 'event'
        AND e.hour <= (SELECT max(hour) FROM new_voids)
        AND e.event_id IN (SELECT event_id FROM new_voids)
        AND v.tenant_id IN ('', e.tenant_id)
        AND v.first_offset >= c.cut[v.kafka_partition]
)
GROUP BY hour
ORDER BY hour
