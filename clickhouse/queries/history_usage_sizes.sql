-- Tenants with usage that they pay in the current revisions of [from, to), and how many rows of it, in the order of their ids:
-- one of them, or all after a place.
SELECT tenant_id, count() AS rows
FROM usage_hourly_current AS u
WHERE
    u.hour >= toDateTime({from:UInt32}, 'UTC') AND u.hour < toDateTime({to:UInt32}, 'UTC') AND phase = 'inference'
    AND if({all_tenants:Bool}, u.tenant_id > {after:String}, u.tenant_id = {tenant_id:String})
GROUP BY tenant_id
ORDER BY tenant_id
LIMIT {limit:UInt32}
