-- The commit of a rating. Refused unless the writer still leads and it is the revision's next one.
INSERT INTO hour_rating
SELECT
    toDateTime({hour:UInt32}, 'UTC') AS hour,
    {revision:UInt32} AS revision,
    {rating:UInt32} AS rating,
    {attempt_id:UUID} AS attempt_id,
    {price_book:String} AS price_book,
    {currency:String} AS currency,
    {rated:UInt64} AS rated,
    {unrated:UInt64} AS unrated,
    {unrated_gpus:Array(String)} AS unrated_gpus,
    {charges_total:Decimal(38, 12)} AS charges_total,
    {operator_total:Decimal(38, 12)} AS operator_total,
    {content_hash:String} AS content_hash,
    fromUnixTimestamp64Milli({rated_at:Int64}, 'UTC') AS rated_at,
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
            SELECT max(rating) FROM hour_rating
            WHERE hour = toDateTime({hour:UInt32}, 'UTC') AND revision = {revision:UInt32}
        ) + 1 != {rating:UInt32},
        'METERHOUSE_SEQUENCE_TAKEN') = 0
