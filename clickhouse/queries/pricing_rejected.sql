-- Rejected records with all that is needed to send them again, in the order of the log.
SELECT
    kafka_partition, kafka_offset, concat(replaceOne(toString(r.ingested_at), ' ', 'T'), 'Z') AS ingested_at,
    reject_code, reject_detail, tenant_id,
    base64Encode(record_key) AS key_base64, base64Encode(raw) AS value_base64
FROM usage_log AS r
WHERE
    kind = 'rejected'
    AND ({any_code:Bool} OR reject_code = {code:String})
    AND ({all_tenants:Bool} OR tenant_id = {tenant_id:String})
    AND (kafka_partition, kafka_offset) > ({after_partition:UInt16}, {after_offset:Int64})
ORDER BY kafka_partition, kafka_offset
LIMIT {limit:UInt32}
