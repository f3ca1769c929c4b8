-- Hours in [from, to) that cannot be invoiced yet: with usage and not closed, or closed and not rated, whoever's they are,
-- or with a card of this tenant that the book has no price for.
WITH
    closed AS
    (
        SELECT hour, max(revision) AS revision FROM hour_close
        WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
        GROUP BY hour
    ),
    rated AS
    (
        SELECT hour, revision, unrated_gpus FROM hour_rating
        WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
        ORDER BY revision DESC, rating DESC
        LIMIT 1 BY hour
    )
SELECT toUnixTimestamp(w.hour) AS hour, min(w.why) AS why
FROM
(
    SELECT hour, 'open' AS why FROM usage_log
    WHERE
        kind = 'window'
        AND usage_log.hour >= toDateTime({from:UInt32}, 'UTC') AND usage_log.hour < toDateTime({to:UInt32}, 'UTC')
        AND has_usage
        AND usage_log.hour NOT IN (SELECT closed.hour FROM closed)
    UNION ALL
    SELECT c.hour, 'unrated' FROM closed AS c
    LEFT JOIN rated AS r ON r.hour = c.hour
    WHERE r.revision != c.revision
    UNION ALL
    SELECT u.hour, 'unpriced' FROM usage_hourly AS u
    INNER JOIN rated AS r ON r.hour = u.hour AND r.revision = u.revision
    WHERE
        u.tenant_id = {tenant_id:String}
        AND u.hour >= toDateTime({from:UInt32}, 'UTC') AND u.hour < toDateTime({to:UInt32}, 'UTC')
        AND u.attempt_id IN (SELECT attempt_id FROM hour_close)
        AND has(r.unrated_gpus, {{card_text}})
) AS w
GROUP BY w.hour
ORDER BY w.hour
LIMIT {limit:UInt32}
