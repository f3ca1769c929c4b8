SELECT kafka_partition, from_offset, to_offset, reason, accepted_by
FROM log_gaps
ORDER BY kafka_partition, from_offset
