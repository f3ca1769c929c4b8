-- The newest versions of some documents of a kind.
SELECT id, version, content, written_by, reason, toUnixTimestamp64Milli(written_at) AS written_at
FROM pricing_documents
WHERE kind = {kind:String} AND id IN {ids:Array(String)}
ORDER BY id, version DESC
LIMIT 1 BY id
