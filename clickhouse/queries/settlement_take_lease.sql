-- Takes, renews or gives back (with 0 ms) the lease. Refused if a higher epoch is there, or another owner's lease runs.
INSERT INTO leader_lease (role, epoch, owner, expires_at)
SELECT 'settlement', {epoch:UInt64}, {owner:String}, now64(3) + toIntervalMillisecond({ttl_ms:UInt32})
WHERE
    throwIf((SELECT max(epoch) FROM leader_lease WHERE role = 'settlement') > {epoch:UInt64}, 'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (
            SELECT count() FROM leader_lease
            WHERE role = 'settlement' AND owner != {owner:String} AND expires_at > now64(3)
                -- an owner's last word counts: it gives the lease back by a row that is over at once
                AND (epoch, owner) NOT IN
                (SELECT epoch, owner FROM leader_lease WHERE role = 'settlement' AND expires_at <= taken_at)
        ) > 0,
        'METERHOUSE_LEASE_HELD') = 0
