-- Without the tenant, so that a copy under another tenant is found; by hour, because the id tells it.
SELECT hex(event_id) AS id, payload_hash AS low, payload_hash_high AS upper
FROM usage_log
WHERE kind = {kind:String}
  AND home = 1
  AND hour IN (SELECT toDateTime(arrayJoin({hours_s:Array(Int64)}), 'UTC'))
  AND event_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
ORDER BY ingested_at, kafka_partition, kafka_offset
LIMIT 1 BY event_id
