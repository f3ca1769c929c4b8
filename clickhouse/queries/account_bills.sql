WITH
    toDateTime({from:UInt32}, 'UTC') AS from_hour,
    toDateTime({to:UInt32}, 'UTC') AS to_hour
SELECT
    (SELECT uniqExact(hour) FROM hour_close_current WHERE hour >= from_hour AND hour < to_hour) AS hours_closed,
    uniqExactIf(billed_to, payer = 'tenant') AS tenants_billed,
    toString(sumIf(charge, payer = 'tenant')) AS charges_total,
    any(currency) AS currency
FROM charges_current
WHERE hour >= from_hour AND hour < to_hour
