-- Ingest days of the log up to a day, oldest first.
SELECT DISTINCT toString(ingest_day) AS ingest_day
FROM usage_log AS l
WHERE l.ingest_day <= toDate({until:UInt32}, 'UTC')
ORDER BY ingest_day
