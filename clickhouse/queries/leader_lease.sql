-- Who leads, and for how many more milliseconds by this server's clock; epoch 0 if nobody ever did.
SELECT
    newest.1 AS epoch,
    newest.2 AS owner,
    greatest(0, toUnixTimestamp64Milli(newest.3) - toUnixTimestamp64Milli(now64(3))) AS left_ms
FROM
(
    SELECT argMax((epoch, owner, expires_at), (epoch, owner, taken_at)) AS newest
    FROM leader_lease
    WHERE role = {role:String}
)
