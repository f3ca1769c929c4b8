-- The newest versions of a kind in the order of their ids.
SELECT id, version, content, written_by, reason, toUnixTimestamp64Milli(written_at) AS written_at
FROM pricing_documents
WHERE kind = {kind:String} AND id > {after:String}
ORDER BY id, version DESC
LIMIT 1 BY id
LIMIT {limit:UInt32}
