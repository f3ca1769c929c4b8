-- What a tenant has spent in the hours of [from, to), in one answer: charges of rated hours by day, the processors' own sums of
-- hours that no rating was committed for yet, and when the newest record that is counted was appended (milliseconds).
SELECT part, at, project_id, currency, amount, model, gpu_model, sharing, phase, outcome, sums, counted_until
FROM
(
    SELECT
        'rated' AS part, toUnixTimestamp(toStartOfDay(c.hour)) AS at, toString(c.project_id) AS project_id,
        toString(c.currency) AS currency, toString(sum(c.charge)) AS amount, '' AS model, '' AS gpu_model, '' AS sharing,
        '' AS phase, '' AS outcome, CAST(map(), 'Map(String, UInt128)') AS sums, 0 AS counted_until
    FROM charges_current AS c
    WHERE
        c.payer = 'tenant' AND c.billed_to = {tenant_id:String}
        AND c.hour >= toDateTime({from:UInt32}, 'UTC') AND c.hour < toDateTime({to:UInt32}, 'UTC')
    GROUP BY at, project_id, currency
    UNION ALL
    SELECT
        'waiting', toUnixTimestamp(w.hour) AS at, toString(w.project_id) AS project_id, '', '0', toString(w.model) AS model,
        toString(w.gpu_model) AS gpu_model, toString(w.sharing) AS sharing, toString(w.phase) AS phase,
        toString(w.outcome) AS outcome, {{window_sums}} AS sums, 0
    FROM usage_log AS w
    WHERE
        w.kind = 'window' AND w.tenant_id = {tenant_id:String}
        AND w.hour >= toDateTime({from:UInt32}, 'UTC') AND w.hour < toDateTime({to:UInt32}, 'UTC')
        AND w.hour NOT IN
        (
            SELECT hour FROM hour_rating
            WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
        )
    GROUP BY at, project_id, model, gpu_model, sharing, phase, outcome
    HAVING sums['events'] > 0 OR sums['gpu_time_ns'] > 0
    UNION ALL
    SELECT
        'counted', 0, '', '', '0', '', '', '', '', '', CAST(map(), 'Map(String, UInt128)'),
        greatest(0, toUnixTimestamp64Milli(max(b.ingested_at)))
    FROM usage_log AS b
    WHERE b.kind = 'batch' AND b.ingest_day >= toDate({since:UInt32})
)
ORDER BY part, at, project_id
