INSERT INTO usage_log ({{block_columns}})
SELECT {{block_columns}}
FROM input('{{block_structure}}')
WHERE throwIf(
    (
        SELECT count()
        FROM partition_owner
        WHERE kafka_partition IN ({partitions:Array(UInt16)})
          AND (epoch, owner) > ({epochs:Array(UInt64)}[indexOf({partitions:Array(UInt16)}, kafka_partition)], {owner:String})
    ) > 0, 'METERHOUSE_FENCED') = 0
  AND throwIf(
    (
        SELECT count()
        FROM
        (
            SELECT kafka_partition, max(kafka_offset) + 1 AS position
            FROM usage_log
            WHERE kind = 'batch' AND kafka_partition IN ({partitions:Array(UInt16)})
            GROUP BY kafka_partition
        )
        WHERE position != {firsts:Array(UInt64)}[indexOf({partitions:Array(UInt16)}, kafka_partition)]
    ) > 0, 'METERHOUSE_DISPLACED') = 0
  AND throwIf(toUnixTimestamp64Milli(now64(3)) > {lease_until_ms:Int64}, 'METERHOUSE_EXPIRED') = 0
FORMAT Native
