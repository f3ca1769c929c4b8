-- Usage that tenants pay in the current revisions of [from, to).
SELECT * EXCEPT (hour, attempt_id), toUnixTimestamp(u.hour) AS hour
FROM usage_hourly_current AS u
WHERE
    u.hour >= toDateTime({from:UInt32}, 'UTC') AND u.hour < toDateTime({to:UInt32}, 'UTC') AND phase = 'inference'
    AND u.tenant_id IN {tenants:Array(String)}
ORDER BY u.tenant_id, u.hour
