-- The cut: by partition, the first offset that no committed batch covers. One query, so that it is one moment.
SELECT kafka_partition, max(kafka_offset) + 1 AS position
FROM usage_log
WHERE kind = 'batch'
GROUP BY kafka_partition
