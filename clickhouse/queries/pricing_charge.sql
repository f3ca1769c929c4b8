-- One charge with every term, and the revision of the hour that it rests on.
SELECT
    l.* EXCEPT (attempt_id, hour, is_current),
    toBool(l.is_current) AS is_current,
    formatDateTime(l.hour, '%Y-%m-%dT%H:00:00Z') AS hour,
    c.content_hash AS hour_content_hash,
    c.chain_hash AS hour_chain_hash,
    concat(replaceOne(toString(c.closed_at), ' ', 'T'), 'Z') AS hour_closed_at,
    c.reason AS hour_reason
FROM charge_lines AS l
INNER JOIN hour_close AS c ON c.hour = l.hour AND c.revision = l.revision
WHERE l.hour = toDateTime({hour:UInt32}, 'UTC') AND l.charge_id = {charge_id:String}
LIMIT 1
