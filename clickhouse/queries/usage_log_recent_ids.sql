-- What belongs in a partition by its key, wherever it was counted: see services/domain/dedupe/home.ts.
SELECT kind, event_id, payload_hash
FROM usage_log
WHERE kind IN ('event', 'totals', 'void')
  AND home = 1
  AND bitAnd(kafkaMurmurHash(event_id), 0x7fffffff) % {partitions:UInt16} = {place:UInt16}
  AND hour >= toDateTime({from_hour_s:Int64}, 'UTC')
FORMAT RowBinary
