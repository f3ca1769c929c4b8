-- Publishes a price book. Refused where another takes effect from the same hour, unless it supplements that one, or where hours that are rated already
-- would have been its own: a late event would then be rated by other prices than the rest of its hour.
INSERT INTO price_books (hash, name, effective_from, currency, content, epoch)
SELECT
    {hash:String} AS hash,
    {name:String} AS name,
    toDateTime({effective_from:UInt32}, 'UTC') AS effective_from,
    {currency:String} AS currency,
    {content:String} AS content,
    {epoch:UInt64} AS epoch
WHERE
    throwIf(
        (SELECT max((epoch, owner)) FROM leader_lease WHERE role = 'settlement') != ({epoch:UInt64}, {owner:String}),
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (SELECT argMax(expires_at, (epoch, owner, taken_at)) FROM leader_lease WHERE role = 'settlement') < now64(3),
        'METERHOUSE_LEASE_OVER') = 0
    AND throwIf(
        (
            SELECT count() FROM price_books WHERE effective_from = toDateTime({effective_from:UInt32}, 'UTC')
        ) > 0 AND {supplements:String} = '',
        'METERHOUSE_BOOK_OVERLAPS') = 0
    AND throwIf(
        (
            SELECT count() FROM hour_rating AS r
            INNER JOIN price_books AS b ON b.hash = r.price_book
            WHERE
                r.unrated = 0
                AND r.hour >= toDateTime({effective_from:UInt32}, 'UTC')
                AND b.effective_from < toDateTime({effective_from:UInt32}, 'UTC')
        ) > 0,
        'METERHOUSE_BOOK_TOO_LATE') = 0
