-- Where the time of each GPU went in hours, as far as it is known by now: totals have no cut.
SELECT
    toUnixTimestamp(hour) AS hour, gpu_uuid, toString(gpu_model) AS gpu_model,
    toString(physical_ns) AS physical_ns,
    toString(busy_ns) AS busy_ns,
    toString(unmetered_ns) AS unmetered_ns,
    unmetered_processes
FROM gpu_hour_account
WHERE hour IN {{hours}}
ORDER BY hour, gpu_uuid
