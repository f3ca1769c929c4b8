-- Hours that have usage under the cut and no revision yet, and how many events. Windows tell, as every batch writes one for each
-- hour that it touches, and they are few.
SELECT toUnixTimestamp(hour) AS hour, sum(numbers[1]) AS events
FROM usage_log
WHERE
    kind = 'window'
    AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    AND has_usage
    AND hour NOT IN (SELECT hour FROM hour_close)
GROUP BY hour
ORDER BY hour
