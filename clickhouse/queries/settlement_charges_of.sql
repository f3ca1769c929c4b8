-- The charges of ratings. Hours narrow the search.
SELECT * EXCEPT (hour, revision, rating)
FROM charges
WHERE toUnixTimestamp(hour) IN {hours:Array(UInt32)} AND attempt_id IN {attempts:Array(UUID)}
