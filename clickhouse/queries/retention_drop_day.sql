ALTER TABLE usage_log DROP PARTITION {ingest_day:Date}
