SELECT kind, event_id, payload_hash
FROM usage_log
WHERE kind IN ('event', 'totals', 'void')
  AND home = 1
  AND kafka_partition = {partition:UInt16}
  AND hour >= toDateTime({from_hour_s:Int64}, 'UTC')
FORMAT RowBinary
