-- The orders that take an event out, oldest first.
SELECT
    reason, issued_by, concat(replaceOne(toString(v.issued_at), ' ', 'T'), 'Z') AS issued_at,
    concat(replaceOne(toString(v.ingested_at), ' ', 'T'), 'Z') AS ingested_at
FROM event_voids AS v
WHERE event_id = unhex({event_id:String}) AND v.hour = toDateTime({hour:UInt32}, 'UTC')
ORDER BY v.kafka_offset
