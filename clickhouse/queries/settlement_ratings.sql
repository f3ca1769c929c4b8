-- Newest ratings of hours.
SELECT * REPLACE (toUnixTimestamp(hour) AS hour, toUnixTimestamp64Milli(rated_at) AS rated_at)
FROM hour_rating_current
WHERE toUnixTimestamp(hour) IN {hours:Array(UInt32)}
ORDER BY hour
