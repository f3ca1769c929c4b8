-- {events:UInt64} logged events of one month, as the processors would have written them: batches of 100,000 records, 1,000 tenants.
INSERT INTO usage_log
    (kind, ingest_day, kafka_partition, kafka_offset, ingested_at, hour, event_id, payload_hash, home, session_id, tenant_id, project_id,
     user_id, model, model_version, node, gpu_uuid, gpu_model, sharing, world_size, phase, outcome, started_at, ended_at, gpu_time_ns,
     gpu_busy_ns, time_quality, memory_peak_bytes, memory_scope, memory_total_bytes, energy_uj, power_avg_mw, power_peak_mw,
     power_limit_mw, energy_quality, tokens_in, tokens_out, batch_steps, batch_size_avg_milli, apportionment, probe_version)
SELECT
    'event', toDate(hour), number % 8, number, hour + 3600, toDateTime({from:UInt32} + intDiv(number * {hours:UInt64}, {events:UInt64}) * 3600, 'UTC') AS hour,
    reinterpretAsFixedString(bitOr(toUInt128(cityHash64(number)), bitShiftLeft(toUInt128(number), 64))), cityHash64(number, 1), 1,
    hex(cityHash64(number, 2)), concat('tenant-', leftPad(toString(cityHash64(number, 3) % 1000), 4, '0')), concat('project-', toString(cityHash64(number, 4) % 5)),
    concat('user-', toString(cityHash64(number, 5) % 5000)), 'synthetic-7b', '2026-11', 'gpu-node-3', 'GPU-52f9d98e', 'NVIDIA H100 80GB HBM3', 'exclusive', 1,
    'inference', 'ok', hour + 60, hour + 120, 20000000 + cityHash64(number, 6) % 400000000, 20000000, 'measured', 40000000000, 'shared', 85520809984,
    12000000, 600000, 690000, 700000, 'counter', 500, 200, 200, 55000, 'fitted-hinge@1', '0.1.0'
FROM numbers({first:UInt64}, {count:UInt64})
