-- Whose event a void takes out; empty in voids of before, which take out whoever's.
CREATE OR REPLACE VIEW event_voids SQL SECURITY DEFINER AS
SELECT event_id, hour, tenant_id, reason, issued_by, issued_at, kafka_partition, kafka_offset, ingested_at
FROM usage_log
WHERE kind = 'void';
