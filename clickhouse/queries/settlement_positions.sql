-- The cut: by partition, the first offset that no committed batch covers. One query, so that it is one moment. A partition of
-- which nothing was read yet stands where its generation begins.
SELECT p.kafka_partition AS kafka_partition, max(p.position) AS position
FROM
(
    SELECT kafka_partition, max(kafka_offset) + 1 AS position
    FROM usage_log
    WHERE kind = 'batch'
    GROUP BY kafka_partition
    UNION ALL
    SELECT toUInt16(generation * 1024 + place) AS kafka_partition, first_offset AS position
    FROM log_generations
    ARRAY JOIN mapKeys(begins) AS place, mapValues(begins) AS first_offset
    WHERE first_offset > 0
) AS p
GROUP BY p.kafka_partition
