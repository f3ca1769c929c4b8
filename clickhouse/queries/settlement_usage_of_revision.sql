-- The usage rows of attempts. Hours narrow the search.
SELECT * EXCEPT (hour, revision)
FROM usage_hourly
WHERE toUnixTimestamp(hour) IN {hours:Array(UInt32)} AND attempt_id IN {attempts:Array(UUID)}
