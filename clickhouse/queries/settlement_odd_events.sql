-- Events of one hour under a cut that are there more than once, or at a place in Kafka where no batch counted a record or
-- another event lies.
WITH
    own AS
    (
        SELECT event_id, tenant_id, kafka_partition, kafka_offset
        FROM usage_log
        WHERE
            kind = 'event'
            AND hour = toDateTime({hour:UInt32}, 'UTC')
            AND ({all_tenants:Bool} OR tenant_id IN {tenants:Array(String)})
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    ),
    offsets_of_batches AS
    (
        SELECT kafka_partition, toUInt64(b.first_offset) AS first_offset, last_offset FROM batches AS b
    )
SELECT *, count() OVER () AS total
FROM
(
    SELECT 'repeated' AS finding, lower(hex(event_id)) AS id, any(tenant_id) AS tenant, any(kafka_partition) AS partition,
        min(kafka_offset) AS offset
    FROM own
    GROUP BY event_id
    HAVING count() > 1
    UNION ALL
    SELECT 'uncounted', lower(hex(o.event_id)), o.tenant_id, o.kafka_partition, o.kafka_offset
    FROM own AS o
    ASOF LEFT JOIN offsets_of_batches AS b ON b.kafka_partition = o.kafka_partition AND b.last_offset >= o.kafka_offset
    WHERE b.last_offset < o.kafka_offset OR b.first_offset > o.kafka_offset
    UNION ALL
    SELECT 'uncounted', lower(hex(event_id)), tenant_id, kafka_partition, kafka_offset
    FROM own
    WHERE (kafka_partition, kafka_offset) IN
    (
        SELECT kafka_partition, kafka_offset FROM own GROUP BY kafka_partition, kafka_offset HAVING uniqExact(event_id) > 1
    )
)
ORDER BY finding, id
LIMIT {limit:UInt32}
