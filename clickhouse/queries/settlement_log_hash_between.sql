-- The same of what belongs to no hour, between pairs of cuts: batches, voids and rejects; and batches that do not add up (P1).
SELECT
    link, lower(hex(sum({{row_hash_1}}))) AS sum, count() AS rows,
    countIf(kind = 'batch' AND numbers[3] != numbers[4] + numbers[5] + numbers[6] + numbers[7]) AS unbalanced
FROM
(
    SELECT *, arrayJoin({links:Array(UInt32)}) AS link
    FROM usage_log
    WHERE kind IN ('batch', 'void', 'rejected')
)
WHERE
    kafka_offset >= transform(toUInt64(link) * 65536 + kafka_partition, {from_keys:Array(UInt64)}, {from_offsets:Array(UInt64)}, toUInt64(0))
    AND kafka_offset < transform(toUInt64(link) * 65536 + kafka_partition, {cut_keys:Array(UInt64)}, {cut_offsets:Array(UInt64)}, toUInt64(0))
GROUP BY link
