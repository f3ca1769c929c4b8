-- What tenants bought of each model on each card, by hour, from the charges of the newest ratings, with the revision and rating
-- that they are of. Of the tenants up to three are named: whether there are as many is what matters, and over several hours
-- that can be told from these.
SELECT
    toUnixTimestamp(c.hour) AS hour, revision, rating, model, {{card}},
    toDecimal256(sum(toDecimal256(c.gpu_time_ns, 0) * c.composite * c.quality), 12) AS unit_time_ns,
    sum(c.charge) AS value,
    arraySort(groupUniqArray(3)(billed_to)) AS tenants
FROM charges_current AS c
WHERE
    payer = 'tenant' AND currency = {currency:String}
    AND c.hour >= toDateTime({from:UInt32}, 'UTC') AND c.hour < toDateTime({to:UInt32}, 'UTC')
GROUP BY c.hour, revision, rating, model, {{card}}
ORDER BY hour, model, {{card}}
