-- The commit of ratings, all or none. Refused unless the writer still leads and each is its revision's next one.
INSERT INTO hour_rating
(
    hour, revision, rating, attempt_id, price_book, currency, rated, unrated, unrated_gpus, charges_total, operator_total,
    content_hash, rated_at, epoch
)
SELECT
    toDateTime(hour, 'UTC'), revision, rating, attempt_id, price_book, currency, rated, unrated, unrated_gpus, charges_total,
    operator_total, content_hash, fromUnixTimestamp64Milli(rated_at, 'UTC'), {epoch:UInt64}
FROM input('hour UInt32, revision UInt32, rating UInt32, attempt_id UUID, price_book String, currency String, rated UInt64,
    unrated UInt64, unrated_gpus Array(String), charges_total Decimal(38, 12), operator_total Decimal(38, 12),
    content_hash String, rated_at Int64')
WHERE
    throwIf(
        (SELECT max((epoch, owner)) FROM leader_lease WHERE role = 'settlement') != ({epoch:UInt64}, {owner:String}),
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (SELECT argMax(expires_at, (epoch, owner, taken_at)) FROM leader_lease WHERE role = 'settlement') < now64(3),
        'METERHOUSE_LEASE_OVER') = 0
    AND throwIf(
        (
            SELECT countIf(newest.2 + 1 != wanted.3) > 0
            FROM
            (
                SELECT arrayJoin(arrayZip({hours:Array(UInt32)}, {revisions:Array(UInt32)}, {ratings:Array(UInt32)})) AS wanted
            ) AS w
            LEFT JOIN
            (
                SELECT (toUnixTimestamp(hour), max(rating)) AS newest, toUnixTimestamp(hour) AS rated_hour, revision AS rated_revision
                FROM hour_rating
                WHERE toUnixTimestamp(hour) IN {hours:Array(UInt32)}
                GROUP BY hour, revision
            ) AS c ON c.rated_hour = w.wanted.1 AND c.rated_revision = w.wanted.2
        ),
        'METERHOUSE_SEQUENCE_TAKEN') = 0
FORMAT JSONEachRow
