-- Current charges of the hours in [from, to), after a place in their order: one tenant's, or everybody's and the operator's
-- own.
SELECT
    charge_id, formatDateTime(hour, '%Y-%m-%dT%H:00:00Z') AS hour, revision, rating, payer, billed_to,
    {{usage_keys}}, currency, events, gpu_time_ns, busy_ns, gpu_hours,
    rate_per_gpu_hour, busy_counter_share, busy_sampled_share, busy_elapsed_share, busy_ratio,
    composite, quality, charge, apportionments
FROM charge_lines
WHERE
    is_current
    AND charge_lines.hour >= toDateTime({from:UInt32}, 'UTC')
    AND charge_lines.hour < toDateTime({to:UInt32}, 'UTC')
    AND ({all_tenants:Bool} OR (payer = 'tenant' AND billed_to = {tenant_id:String}))
    AND charge_id > {after:String}
ORDER BY charge_id
LIMIT {limit:UInt32}
