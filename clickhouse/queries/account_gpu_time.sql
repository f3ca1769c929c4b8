SELECT
    toString(sum(physical_ns)) AS physical,
    toString(sum(sessions_ns)) AS sessions,
    toString(sum(operator_ns)) AS operator,
    toString(sum(idle_ns)) AS idle,
    toString(sum(unattributed_ns)) AS unattributed
FROM gpu_hour_account
WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
