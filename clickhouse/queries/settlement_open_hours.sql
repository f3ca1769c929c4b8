-- Hours that have usage under the cut and no revision yet. Windows tell, as every batch writes one for each hour that it
-- touches, and they are few.
SELECT DISTINCT toUnixTimestamp(hour) AS hour
FROM usage_log
WHERE
    kind = 'window'
    AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    AND has_usage
    AND hour NOT IN (SELECT hour FROM hour_close)
ORDER BY hour
