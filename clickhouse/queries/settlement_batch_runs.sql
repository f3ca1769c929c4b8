-- Stretches of offsets that batches cover without gap or overlap, between two cuts: usually one per partition. What a batch
-- passes over as lost is covered only where somebody accepted exactly that.
WITH starts AS
(
    SELECT
        kafka_partition, first_offset, last_offset,
        lagInFrame(last_offset + 1, 1, 0) OVER partition_order AS expected,
        row_number() OVER partition_order AS place
    FROM batches
    WHERE
        last_offset >= {from:Map(UInt16, UInt64)}[kafka_partition]
        AND last_offset < {to:Map(UInt16, UInt64)}[kafka_partition]
        AND (lost = 0 OR (kafka_partition, first_offset, last_offset + 1) IN (SELECT kafka_partition, from_offset, to_offset FROM log_gaps))
    WINDOW partition_order AS (PARTITION BY kafka_partition ORDER BY first_offset, last_offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
),
runs AS
(
    SELECT
        kafka_partition, first_offset, last_offset,
        sum(place = 1 OR first_offset != expected)
            OVER (PARTITION BY kafka_partition ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
    FROM starts
)
SELECT kafka_partition AS partition, min(r.first_offset) AS first_offset, max(last_offset) + 1 AS end_offset
FROM runs AS r
GROUP BY kafka_partition, run
ORDER BY partition, first_offset, end_offset
