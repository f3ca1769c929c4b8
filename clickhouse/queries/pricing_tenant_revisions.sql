-- The newest rated revision of each hour in [from, to) in which a tenant has charges.
SELECT toUnixTimestamp(c.hour) AS hour, c.revision AS revision, toString(c.price_book) AS price_book
FROM charges AS c
WHERE
    billed_to = {tenant_id:String} AND payer = 'tenant'
    AND c.hour >= toDateTime({from:UInt32}, 'UTC') AND c.hour < toDateTime({to:UInt32}, 'UTC')
    AND attempt_id IN
    (
        SELECT attempt_id FROM hour_rating AS r
        WHERE r.hour >= toDateTime({from:UInt32}, 'UTC') AND r.hour < toDateTime({to:UInt32}, 'UTC')
        ORDER BY r.revision DESC, r.rating DESC
        LIMIT 1 BY r.hour
    )
GROUP BY c.hour, c.revision, c.price_book
ORDER BY c.hour
