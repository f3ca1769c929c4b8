-- What belongs in a partition by its key, wherever it was counted: see services/domain/dedupe/home.ts. The last column of
-- one row of kind 0, anywhere among them, is how many other rows there are: RowBinary has no end of its own.
WITH recent AS
(
    SELECT kind, event_id, payload_hash
    FROM usage_log
    WHERE kind IN ('event', 'totals', 'void')
      AND home = 1
      AND bitAnd(kafkaMurmurHash(event_id), 0x7fffffff) % {partitions:UInt16} = {place:UInt16}
      AND hour >= toDateTime({from_hour_s:Int64}, 'UTC')
)
SELECT toInt8(kind) AS kind, event_id, payload_hash FROM recent
UNION ALL
SELECT toInt8(0) AS kind, toFixedString('', 16) AS event_id, count() AS payload_hash FROM recent
FORMAT RowBinary
