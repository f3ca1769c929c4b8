-- The newest closed and balanced hours in which a model ran on a card, by tenant: how many of its events, and how many of all,
-- which is what a look at the hour's sessions reads. Of one tenant, or of all.
SELECT
    tenant_id, toUnixTimestamp(u.hour) AS hour,
    sumIf(
        u.events,
        model = {model:String} AND {{card_match}}
        AND phase = 'inference' AND ({all_projects:Bool} OR project_id = {project_id:String})
    ) AS measured,
    sum(u.events) AS read
FROM usage_hourly_current AS u
WHERE
    u.hour >= toDateTime({from:UInt32}, 'UTC') AND u.hour < toDateTime({to:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
    AND u.hour IN (SELECT hour FROM hour_close_current WHERE balanced)
GROUP BY tenant_id, u.hour
HAVING measured > 0 AND read <= {read_max:UInt64}
ORDER BY hour DESC, tenant_id
LIMIT {limit:UInt32}
