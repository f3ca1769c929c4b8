-- P1 by tenant and hour: what became of the records whose tenant and hour could be read. An event counts once, in its
-- last hour. A void is a record too; it has no tenant.
SELECT
    formatDateTime(hour, '%Y-%m-%dT%H:00:00Z') AS hour, tenant_id,
    sum(w.events + w.duplicates + w.conflicts + w.rejected + w.voids) AS received,
    sum(w.events + w.voids) AS counted,
    sum(w.duplicates) AS duplicates,
    sum(w.conflicts) AS conflicts,
    sum(w.rejected) AS rejected
FROM usage_windows AS w
WHERE
    w.hour >= toDateTime({from:UInt32}, 'UTC') AND w.hour < toDateTime({to:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
    AND (formatDateTime(w.hour, '%Y-%m-%dT%H:00:00Z'), tenant_id) > ({after_hour:String}, {after_tenant:String})
GROUP BY hour, tenant_id
ORDER BY hour, tenant_id
LIMIT {limit:UInt32}
