-- Revisions of hours that are rated and have no close: whose close is gone.
SELECT DISTINCT toUnixTimestamp(hour) AS hour, revision
FROM hour_rating
WHERE (hour, revision) NOT IN (SELECT hour, revision FROM hour_close)
ORDER BY hour, revision
