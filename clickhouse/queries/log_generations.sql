SELECT generation, cluster_id, topic_id, topic, partitions, begins, reason, begun_by
FROM log_generations
ORDER BY generation, begun_at, begun_by
