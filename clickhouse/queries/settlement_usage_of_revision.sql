-- The usage rows of one attempt.
SELECT * EXCEPT (hour, revision, attempt_id)
FROM usage_hourly
WHERE hour = toDateTime({hour:UInt32}, 'UTC') AND attempt_id = {attempt_id:UUID}
