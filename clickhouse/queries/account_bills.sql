SELECT
    (SELECT uniqExact(hour) FROM hour_close_current) AS hours_closed,
    uniqExactIf(billed_to, payer = 'tenant') AS tenants_billed,
    toString(sumIf(charge, payer = 'tenant')) AS charges_total,
    any(currency) AS currency
FROM tenant_totals
