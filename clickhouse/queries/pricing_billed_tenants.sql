-- Tenants that have charges, in the order of their ids: one of them, or all after a place.
SELECT DISTINCT billed_to
FROM charges_current
WHERE
    payer = 'tenant'
    AND if({all_tenants:Bool}, billed_to > {after:String}, billed_to = {tenant_id:String})
ORDER BY billed_to
LIMIT {limit:UInt32}
