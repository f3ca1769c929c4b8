-- A committed revision of an hour; revision 0 stands for the newest.
SELECT * REPLACE (toUnixTimestamp(hour) AS hour, toUnixTimestamp64Milli(closed_at) AS closed_at)
FROM hour_close
WHERE hour = toDateTime({hour:UInt32}, 'UTC') AND ({revision:UInt32} = 0 OR revision = {revision:UInt32})
ORDER BY revision DESC
LIMIT 1
