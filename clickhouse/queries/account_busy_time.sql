SELECT
    toString(sum(busy_ns)) AS busy,
    toString(sum(busy_sessions_ns)) AS sessions,
    toString(sum(busy_operator_ns)) AS operator,
    toString(sum(unmetered_ns)) AS unmetered
FROM gpu_hour_account
WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
