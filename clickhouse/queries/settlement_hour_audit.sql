-- The double entry of one hour under a cut: sums of its events against sums of the windows that the processor added up,
-- in all and by key. Voids come after: windows know nothing of them.
WITH
    events_by_key AS
    (
        SELECT {{window_keys}}, [{{usage_sum_names}}] AS sums
        FROM
        (
            SELECT
                {{window_keys}},
                {{event_sums}}
            FROM usage_log AS l
            WHERE
                kind = 'event'
                AND hour = toDateTime({hour:UInt32}, 'UTC')
                AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
            GROUP BY {{window_keys}}
        )
    ),
    windows AS
    (
        SELECT {{window_keys}}, {{window_sums}} AS sums
        FROM usage_log AS w
        WHERE
            kind = 'window'
            AND hour = toDateTime({hour:UInt32}, 'UTC')
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
        GROUP BY {{window_keys}}
    ),
    by_key AS
    (
        SELECT
            sumForEach(if(side = 'events', sums, arrayMap(it -> toUInt128(0), sums))) AS event_sums,
            sumForEach(if(side = 'windows', sums, arrayMap(it -> toUInt128(0), sums))) AS window_sums
        FROM
        (
            SELECT 'events' AS side, {{window_keys}}, sums FROM events_by_key
            UNION ALL
            SELECT 'windows' AS side, {{window_keys}}, [{{window_usage_sums}}] AS sums FROM windows
        )
        GROUP BY {{window_keys}}
    ),
    ids AS
    (
        SELECT
            count() AS slices,
            uniqExact(event_id) AS unique_ids,
            uniqExactIf(
                event_id,
                (event_id, tenant_id) IN
                (
                    SELECT event_id, tenant_id FROM usage_log
                    WHERE kind = 'void' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
                )
                OR event_id IN
                (
                    SELECT event_id FROM usage_log
                    WHERE kind = 'void' AND tenant_id = '' AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
                )
            ) AS voided
        FROM usage_log
        WHERE
            kind = 'event'
            AND hour = toDateTime({hour:UInt32}, 'UTC')
            AND kafka_offset < {cut:Map(UInt16, UInt64)}[kafka_partition]
    )
SELECT
    (SELECT slices FROM ids) AS slices,
    (SELECT unique_ids FROM ids) AS unique_ids,
    (SELECT voided FROM ids) AS voided,
    (SELECT sumForEach(event_sums) FROM by_key) AS event_sums,
    (SELECT sumForEach(window_sums) FROM by_key) AS window_sums,
    (SELECT countIf(event_sums != window_sums) FROM by_key) AS differing_keys,
    (SELECT toUInt64(sum(sums['duplicates'])) FROM windows) AS duplicates,
    (SELECT toUInt64(sum(sums['conflicts'])) FROM windows) AS conflicts,
    (SELECT toUInt64(sum(sums['rejected'])) FROM windows) AS rejected
