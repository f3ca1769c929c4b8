-- How many rows an ingest day has, and a sum over all of their columns that any order of them has.
SELECT count() AS day_rows, sum(cityHash64(tuple(*))) AS fingerprint
FROM usage_log
WHERE ingest_day = toDate({ingest_day:String})
