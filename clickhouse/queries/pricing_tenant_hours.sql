-- A tenant's charges in the hours of named revisions, as runs of hours: of the newest rating of each by the named book.
SELECT
    toUnixTimestamp(l.hour) AS hour, revision, charge_id, price_book, payer, billed_to,
    {{usage_keys}}, formula, currency, events, gpu_time_ns, busy_ns, {{charge_factors}}, apportionments
FROM charge_lines AS l
WHERE
    l.billed_to = {tenant_id:String} AND l.payer = 'tenant'
    AND l.hour >= toDateTime({from:UInt32}, 'UTC') AND l.hour < toDateTime({to:UInt32}, 'UTC')
    AND l.attempt_id IN
    (
        SELECT attempt_id FROM hour_rating AS r
        WHERE
            r.hour >= toDateTime({from:UInt32}, 'UTC') AND r.hour < toDateTime({to:UInt32}, 'UTC')
            AND arrayExists(
                (start, end, number, book) ->
                    toUnixTimestamp(r.hour) >= start AND toUnixTimestamp(r.hour) < end AND r.revision = number
                    AND r.price_book = book,
                {starts:Array(UInt32)}, {ends:Array(UInt32)}, {revisions:Array(UInt32)}, {books:Array(String)})
        ORDER BY r.rating DESC
        LIMIT 1 BY r.hour, r.revision
    )
ORDER BY l.hour, charge_id
