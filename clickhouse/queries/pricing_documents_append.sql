-- Appends documents, all or none. Refused unless the writer leads and the first version of each is the next one of its id.
INSERT INTO pricing_documents (kind, id, version, content, written_by, reason, epoch)
SELECT kind, id, version, content, written_by, reason, {epoch:UInt64}
FROM input('kind String, id String, version UInt32, content String, written_by String, reason String')
WHERE
    throwIf(
        (SELECT max((epoch, owner)) FROM leader_lease WHERE role = 'pricing') != ({epoch:UInt64}, {owner:String}),
        'METERHOUSE_STALE_LEADER') = 0
    AND throwIf(
        (SELECT argMax(expires_at, (epoch, owner, taken_at)) FROM leader_lease WHERE role = 'pricing') < now64(3),
        'METERHOUSE_LEASE_OVER') = 0
    AND throwIf(
        (
            SELECT
                countIf(newest + 1 != {versions:Array(UInt32)}[
                    indexOf(arrayZip({kinds:Array(String)}, {ids:Array(String)}), (kind, id))]) > 0
                OR count() != arrayCount(version -> version > 1, {versions:Array(UInt32)})
            FROM
            (
                SELECT toString(kind) AS kind, id, max(version) AS newest
                FROM pricing_documents
                -- the first two conditions are the ones that the primary key answers
                WHERE kind IN {kinds:Array(String)} AND id IN {ids:Array(String)}
                    AND (toString(kind), id) IN (SELECT arrayJoin(arrayZip({kinds:Array(String)}, {ids:Array(String)})))
                GROUP BY kind, id
            )
        ),
        'METERHOUSE_VERSION_TAKEN') = 0
FORMAT JSONEachRow
