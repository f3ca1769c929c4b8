-- Lines of bills: the current charges of all hours in [from, to), by what a line shows. Terms that are not the same in all
-- hours of a line are means weighted by GPU time, for reading only; the amount is the sum of the hours' charges.
SELECT
    payer, billed_to, project_id, model, {{card}}, sharing, phase, outcome, currency, rate_per_gpu_hour,
    uniqExact(hour) AS hours,
    sum(c.events) AS events,
    sum(c.gpu_time_ns) AS gpu_time_ns,
    sum(toDecimal256(c.gpu_time_ns, 0) * c.composite) AS composite_time_ns,
    sum(toDecimal256(c.gpu_time_ns, 0) * c.quality) AS quality_time_ns,
    sum(c.charge) AS charge,
    arraySort(groupUniqArrayArray(c.apportionments)) AS apportionments,
    arraySort(groupUniqArray(price_book)) AS price_books
FROM charges_current AS c
WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
GROUP BY
    payer, billed_to, project_id, model, {{card}}, sharing, phase, outcome, currency, rate_per_gpu_hour
ORDER BY payer, billed_to, project_id, model, {{card}}, sharing, phase, outcome, currency, rate_per_gpu_hour
