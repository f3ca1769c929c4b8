-- Live usage of a tenant from an hour on: the processors' own hourly sums, which are there as soon as a batch is.
SELECT
    project_id, model, gpu_model, sharing, phase, outcome,
    sum(numbers[1]) AS events,
    sum(numbers[6]) AS gpu_time_ns,
    sum(numbers[11]) AS energy_uj,
    sum(numbers[16]) AS tokens_in,
    sum(numbers[18]) AS tokens_out
FROM usage_log
WHERE
    kind = 'window' AND tenant_id = {tenant_id:String}
    AND hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
GROUP BY project_id, model, gpu_model, sharing, phase, outcome
HAVING events > 0 OR gpu_time_ns > 0
ORDER BY project_id, model, gpu_model, sharing, phase, outcome
