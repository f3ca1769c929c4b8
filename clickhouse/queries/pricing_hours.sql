-- Revisions of hours in [from, to), with what they came to.
SELECT
    formatDateTime(c.hour, '%Y-%m-%dT%H:00:00Z') AS hour, c.revision AS revision, c.reason AS reason,
    c.sequence AS sequence, c.content_hash AS content_hash, c.chain_hash AS chain_hash,
    c.previous_hash AS previous_hash, c.balanced AS balanced, c.unique_ids AS events, c.voided AS voided,
    concat(replaceOne(toString(c.closed_at), ' ', 'T'), 'Z') AS closed_at
FROM hour_close AS c
WHERE
    c.hour >= toDateTime({from:UInt32}, 'UTC') AND c.hour < toDateTime({to:UInt32}, 'UTC')
    AND (formatDateTime(c.hour, '%Y-%m-%dT%H:00:00Z'), c.revision) > ({after_hour:String}, {after_revision:UInt32})
ORDER BY hour, revision
LIMIT {limit:UInt32}
