-- Who leads, and for how many more milliseconds by this server's clock; epoch 0 if nobody ever did.
SELECT
    max((epoch, owner)) AS leader,
    leader.1 AS epoch,
    leader.2 AS owner,
    greatest(0, toUnixTimestamp64Milli(argMax(expires_at, (epoch, owner, expires_at))) - toUnixTimestamp64Milli(now64(3))) AS left_ms
FROM leader_lease
WHERE role = 'settlement'
