-- All versions of a document, newest first.
SELECT id, version, content, written_by, reason, toUnixTimestamp64Milli(written_at) AS written_at
FROM pricing_documents
WHERE kind = {kind:String} AND id = {id:String}
ORDER BY version DESC
LIMIT {limit:UInt32}
