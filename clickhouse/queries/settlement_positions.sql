-- The cut: by partition, the first offset that no committed batch covers. One query, so that it is one moment. A partition of
-- which nothing was read yet stands where its generation begins.
SELECT kafka_partition, max(position) AS position
FROM
(
    SELECT kafka_partition, max(kafka_offset) + 1 AS position
    FROM usage_log
    WHERE kind = 'batch'
    GROUP BY kafka_partition
    UNION ALL
    SELECT toUInt16(generation * 1024 + begin.1) AS kafka_partition, begin.2 AS position
    FROM log_generations
    ARRAY JOIN mapToArray(begins) AS begin
    WHERE begin.2 > 0
)
GROUP BY kafka_partition
