-- Closes in the order of the chain.
SELECT * REPLACE (toUnixTimestamp(hour) AS hour, toUnixTimestamp64Milli(closed_at) AS closed_at)
FROM hour_close
ORDER BY sequence, revision
