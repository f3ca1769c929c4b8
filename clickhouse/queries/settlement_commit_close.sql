-- The commit of a close. Refused unless the writer still leads and the row is the next link of the chain and the
-- next revision of its hour, and if it revises an hour of which rows may have been dropped.
INSERT INTO hour_close
SELECT
    {sequence:UInt64} AS sequence,
    toDateTime({hour:UInt32}, 'UTC') AS hour,
    {revision:UInt32} AS revision,
    {attempt_id:UUID} AS attempt_id,
    {reason:String} AS reason,
    {cut:Map(UInt16, UInt64)} AS cut,
    {previous_hash:String} AS previous_hash,
    {content_hash:String} AS content_hash,
    {chain_hash:String} AS chain_hash,
    empty({failed_checks:Array(String)}) AS balanced,
    {failed_checks:Array(String)} AS failed_checks,
    {slices:UInt64} AS slices,
    {unique_ids:UInt64} AS unique_ids,
    {voided:UInt64} AS voided,
    {differing_keys:UInt64} AS differing_keys,
    {duplicates:UInt64} AS duplicates,
    {conflicts:UInt64} AS conflicts,
    {rejected:UInt64} AS rejected,
    {event_sums:Map(String, UInt128)} AS event_sums,
    {window_sums:Map(String, UInt128)} AS window_sums,
    fromUnixTimestamp64Milli({closed_at:Int64}, 'UTC') AS closed_at,
    {epoch:UInt64} AS epoch,
    {text_version:UInt8} AS text_version
WHERE
    throwIf(
        (SELECT max((epoch, owner)) FROM leader_lease WHERE role = 'settlement') != ({epoch:UInt64}, {owner:String}),
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (SELECT argMax(expires_at, (epoch, owner, taken_at)) FROM leader_lease WHERE role = 'settlement') < now64(3),
        'METERHOUSE_LEASE_OVER') = 0
    AND throwIf((SELECT max(sequence) FROM hour_close) + 1 != {sequence:UInt64}, 'METERHOUSE_SEQUENCE_TAKEN') = 0
    AND throwIf(
        (SELECT max(revision) FROM hour_close WHERE hour = toDateTime({hour:UInt32}, 'UTC')) + 1 != {revision:UInt32},
        'METERHOUSE_REVISION_TAKEN') = 0
    AND throwIf(
        {revision:UInt32} > 1 AND {hour:UInt32} <= (SELECT toUnixTimestamp(max(through_hour)) FROM log_drops),
        'METERHOUSE_HOUR_DROPPED') = 0
