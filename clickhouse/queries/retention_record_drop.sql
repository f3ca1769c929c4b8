-- Written before a day is dropped. Refused unless the writer leads the jobs and the day is still what was exported.
INSERT INTO log_drops (ingest_day, through_hour, day_rows, fingerprint, file, sha256, bytes, epoch)
SELECT
    toDate({ingest_day:String}), toDateTime({through_hour:UInt32}, 'UTC'), {day_rows:UInt64}, {fingerprint:UInt64},
    {file:String}, {sha256:String}, {bytes:UInt64}, {epoch:UInt64}
WHERE
    throwIf(
        (SELECT max((epoch, owner)) FROM leader_lease WHERE role = 'jobs') != ({epoch:UInt64}, {owner:String}),
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (SELECT argMax(expires_at, (epoch, owner, taken_at)) FROM leader_lease WHERE role = 'jobs') < now64(3),
        'METERHOUSE_LEASE_OVER') = 0
    AND throwIf(
        (SELECT count() FROM usage_log WHERE ingest_day = toDate({ingest_day:String})) != {day_rows:UInt64},
        'METERHOUSE_DAY_CHANGED') = 0
