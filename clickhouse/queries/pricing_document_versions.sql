-- Versions of a document below one, newest first.
SELECT id, version, content, written_by, reason, toUnixTimestamp64Milli(written_at) AS written_at
FROM pricing_documents
WHERE kind = {kind:String} AND id = {id:String} AND version < {before:UInt32}
ORDER BY version DESC
LIMIT {limit:UInt32}
