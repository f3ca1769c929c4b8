SELECT
    kafka_partition,
    max(partition_owner.epoch) AS epoch,
    argMax(partition_owner.owner, (partition_owner.epoch, partition_owner.owner)) AS owner
FROM partition_owner
WHERE kafka_partition IN ({partitions:Array(UInt16)})
GROUP BY kafka_partition
