SELECT kafka_partition, max(kafka_offset) + 1 AS position
FROM usage_log
WHERE kind = 'batch' AND kafka_partition IN ({partitions:Array(UInt16)})
GROUP BY kafka_partition
