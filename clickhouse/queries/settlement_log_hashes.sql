-- Version 1 of what a close vouches for of the log: per hour a sum of SHA-256 over every column of every row of it, under a cut of its
-- own, and how many. Sums are modulo 2^256 and the same in any order. Columns that come later are not in it.
SELECT toUnixTimestamp(hour) AS hour, lower(hex(sum({{row_hash_1}}))) AS sum, count() AS rows
FROM usage_log
WHERE kind IN ('event', 'window', 'totals') AND hour IN {{hours}} AND {{under_cut}}
GROUP BY hour
