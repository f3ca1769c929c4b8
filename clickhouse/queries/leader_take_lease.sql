-- Takes, renews or gives back (with 0 ms) the lease. Refused if a higher epoch is there, or another owner's lease runs.
INSERT INTO leader_lease (role, epoch, owner, expires_at)
SELECT {role:String}, {epoch:UInt64}, {owner:String}, now64(3) + toIntervalMillisecond({ttl_ms:UInt32})
WHERE
    throwIf(
        (SELECT max(epoch) FROM leader_lease WHERE role = {role:String}) > {epoch:UInt64},
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (
            SELECT argMax((expires_at > now64(3)) AND owner != {owner:String}, (epoch, owner, taken_at))
            FROM leader_lease
            WHERE role = {role:String}
        ),
        'METERHOUSE_LEASE_HELD') = 0
