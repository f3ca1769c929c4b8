-- Offsets of one partition from a first to a last one at which no record is in the log, not even a rejected one.
SELECT number AS kafka_offset
FROM numbers({first:UInt64}, {last:UInt64} - {first:UInt64} + 1)
WHERE number NOT IN
(
    SELECT kafka_offset
    FROM usage_log
    WHERE
        kind IN ('event', 'void', 'totals', 'rejected')
        AND kafka_partition = {partition:UInt16}
        AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
)
ORDER BY number
LIMIT {limit:UInt32}
