-- The windows of the events of live.sql: 1,000 batches, each with what every tenant used in the batch's hour.
INSERT INTO usage_log
    (kind, ingest_day, kafka_partition, kafka_offset, ingested_at, hour, tenant_id, project_id, model, gpu_model, sharing, phase, outcome, numbers)
SELECT
    'window', toDate(hour), number % 8, number * 100000, hour + 3600,
    toDateTime({from:UInt32} + intDiv(batch * {hours:UInt64}, {batches:UInt64}) * 3600, 'UTC') AS hour,
    concat('tenant-', leftPad(toString(tenant), 4, '0')), concat('project-', toString(project)), 'synthetic-7b', 'NVIDIA H100 80GB HBM3',
    'exclusive', 'inference', 'ok',
    arrayMap(i -> toUInt128(multiIf(i = 1, 20, i IN (6, 8), 4400000000, i = 7, 4000000000, 1000000)), range(1, 20))
FROM
(
    SELECT number, intDiv(number, 5000) AS batch, intDiv(number % 5000, 5) AS tenant, number % 5 AS project
    FROM numbers({batches:UInt64} * 5000)
)
