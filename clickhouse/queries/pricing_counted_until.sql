-- When the newest record that is counted was appended, in milliseconds; 0 if none was in the last days.
SELECT toUnixTimestamp64Milli(max(ingested_at)) AS counted_until
FROM usage_log
WHERE kind = 'batch' AND ingest_day >= toDate({since:UInt32})
