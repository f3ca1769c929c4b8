-- Closed hours whose newest revision has no rating, or one with rows that its book had no price for.
SELECT
    toUnixTimestamp(c.hour) AS hour, c.revision AS revision, c.attempt_id AS attempt_id, c.unique_ids AS events,
    if(r.revision = c.revision, r.rating, 0) AS rating,
    if(r.revision = c.revision, r.price_book, '') AS price_book
FROM hour_close_current AS c
LEFT JOIN hour_rating_current AS r ON r.hour = c.hour
WHERE r.revision != c.revision OR r.unrated > 0
ORDER BY hour
