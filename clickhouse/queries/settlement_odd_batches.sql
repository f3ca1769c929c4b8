-- Batches under a cut, of records appended in the hour or later, of which other records are in the log than were counted.
WITH
    under_cut AS
    (
        SELECT
            kafka_partition, toUInt64(b.first_offset) AS first_offset, last_offset, toUInt64(b.counted) AS counted
        FROM batches AS b
        WHERE
            last_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
            -- a record may be 5 minutes ahead of the broker's clock
            AND ingested_at >= toDateTime64({hour:UInt32} - 300, 3, 'UTC')
    ),
    records AS
    (
        SELECT kafka_partition, kafka_offset, kind, event_id
        FROM usage_log
        WHERE
            kind IN ('event', 'void', 'totals')
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
            AND kafka_offset >= (SELECT min(first_offset) FROM under_cut)
        GROUP BY ALL
    ),
    found AS
    (
        SELECT b.kafka_partition AS kafka_partition, b.last_offset AS last_offset, count() AS found
        FROM records AS r
        ASOF INNER JOIN under_cut AS b ON b.kafka_partition = r.kafka_partition AND b.last_offset >= r.kafka_offset
        WHERE r.kafka_offset >= b.first_offset
        GROUP BY ALL
    )
SELECT
    b.kafka_partition AS partition, b.first_offset AS first_offset, b.last_offset AS last_offset, b.counted AS counted,
    f.found AS found, count() OVER () AS total
FROM under_cut AS b
LEFT JOIN found AS f ON f.kafka_partition = b.kafka_partition AND f.last_offset = b.last_offset
WHERE b.counted != f.found
ORDER BY partition, first_offset
LIMIT {limit:UInt32}
