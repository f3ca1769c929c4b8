-- Live usage of a tenant from an hour on: the processors' own hourly sums, which are there as soon as a batch is.
SELECT
    project_id, model, gpu_model, sharing, phase, outcome,
    sum(w.events) AS events,
    sum(w.gpu_time_ns) AS gpu_time_ns,
    sum(w.energy_uj) AS energy_uj,
    sum(w.tokens_in) AS tokens_in,
    sum(w.tokens_out) AS tokens_out
FROM usage_windows AS w
WHERE
    tenant_id = {tenant_id:String}
    AND hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
GROUP BY project_id, model, gpu_model, sharing, phase, outcome
HAVING events > 0 OR gpu_time_ns > 0
ORDER BY project_id, model, gpu_model, sharing, phase, outcome
