-- The commit of closes, all or none. Refused unless the writer still leads and they are the next links of the chain and each the
-- next revision of its hour, and if one revises an hour of which rows may have been dropped.
INSERT INTO hour_close
(
    sequence, hour, revision, attempt_id, reason, cut, previous_hash, content_hash, chain_hash, balanced, failed_checks, slices,
    unique_ids, voided, differing_keys, duplicates, conflicts, rejected, event_sums, window_sums, closed_at, epoch, text_version,
    log_hash, key_id, public_key, signature
)
SELECT
    sequence, toDateTime(hour, 'UTC'), revision, attempt_id, reason, cut, previous_hash, content_hash, chain_hash,
    empty(failed_checks), failed_checks, slices, unique_ids, voided, differing_keys, duplicates, conflicts, rejected,
    event_sums, window_sums, fromUnixTimestamp64Milli(closed_at, 'UTC'), {epoch:UInt64}, text_version, log_hash, key_id,
    public_key, signature
FROM input('sequence UInt64, hour UInt32, revision UInt32, attempt_id UUID, reason String, cut Map(UInt16, UInt64),
    previous_hash String, content_hash String, chain_hash String, failed_checks Array(String), slices UInt64, unique_ids UInt64,
    voided UInt64, differing_keys UInt64, duplicates UInt64, conflicts UInt64, rejected UInt64, event_sums Map(String, UInt128),
    window_sums Map(String, UInt128), closed_at Int64, text_version UInt8, log_hash String, key_id String, public_key String,
    signature String')
WHERE
    throwIf(
        (SELECT max((epoch, owner)) FROM leader_lease WHERE role = 'settlement') != ({epoch:UInt64}, {owner:String}),
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (SELECT argMax(expires_at, (epoch, owner, taken_at)) FROM leader_lease WHERE role = 'settlement') < now64(3),
        'METERHOUSE_LEASE_OVER') = 0
    AND throwIf((SELECT max(sequence) FROM hour_close) + 1 != {first_sequence:UInt64}, 'METERHOUSE_SEQUENCE_TAKEN') = 0
    AND throwIf(
        (
            SELECT countIf(newest.2 + 1 != wanted.2) > 0
            FROM (SELECT arrayJoin(arrayZip({hours:Array(UInt32)}, {revisions:Array(UInt32)})) AS wanted) AS w
            LEFT JOIN
            (
                SELECT (toUnixTimestamp(hour), max(revision)) AS newest, toUnixTimestamp(hour) AS closed_hour
                FROM hour_close
                WHERE toUnixTimestamp(hour) IN {hours:Array(UInt32)}
                GROUP BY hour
            ) AS c ON c.closed_hour = w.wanted.1
        ),
        'METERHOUSE_REVISION_TAKEN') = 0
    AND throwIf(
        revision > 1 AND hour <= (SELECT toUnixTimestamp(max(through_hour)) FROM log_drops),
        'METERHOUSE_HOUR_DROPPED') = 0
FORMAT JSONEachRow
