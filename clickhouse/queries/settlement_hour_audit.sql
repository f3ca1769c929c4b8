-- The double entry of hours, each under a cut of its own: sums of its events against sums of the windows that the processor added up,
-- in all and by key. Voids come after: windows know nothing of them.
WITH
    events_by_key AS
    (
        SELECT hour_start, {{window_keys}}, [{{usage_sum_names}}] AS sums
        FROM
        (
            SELECT
                toUnixTimestamp(hour) AS hour_start,
                {{window_keys}},
                {{event_sums}}
            FROM usage_log AS l
            WHERE
                kind = 'event'
                AND hour IN {{hours}}
                AND {{under_cut}}
            GROUP BY hour_start, {{window_keys}}
        )
    ),
    windows AS
    (
        SELECT toUnixTimestamp(hour) AS hour_start, {{window_keys}}, {{window_sums}} AS sums
        FROM usage_log AS w
        WHERE
            kind = 'window'
            AND hour IN {{hours}}
            AND {{under_cut}}
        GROUP BY hour_start, {{window_keys}}
    ),
    by_key AS
    (
        SELECT
            hour_start,
            sumForEach(if(side = 'events', sums, arrayMap(it -> toUInt128(0), sums))) AS event_sums,
            sumForEach(if(side = 'windows', sums, arrayMap(it -> toUInt128(0), sums))) AS window_sums
        FROM
        (
            SELECT 'events' AS side, hour_start, {{window_keys}}, sums FROM events_by_key
            UNION ALL
            SELECT 'windows' AS side, hour_start, {{window_keys}}, [{{window_usage_sums}}] AS sums FROM windows
        )
        GROUP BY hour_start, {{window_keys}}
    ),
    ids AS
    (
        SELECT
            toUnixTimestamp(hour) AS hour_start,
            count() AS slices,
            uniqExact(event_id) AS unique_ids,
            uniqExactIf(event_id, {{is_voided}}) AS voided
        FROM usage_log
        WHERE
            kind = 'event'
            AND hour IN {{hours}}
            AND {{under_cut}}
        GROUP BY hour
    ),
    keys_together AS
    (
        SELECT
            hour_start,
            sumForEach(event_sums) AS event_totals,
            sumForEach(window_sums) AS window_totals,
            countIf(event_sums != window_sums) AS differing_keys
        FROM by_key
        GROUP BY hour_start
    ),
    counts AS
    (
        SELECT
            hour_start,
            toUInt64(sum(sums['duplicates'])) AS duplicates,
            toUInt64(sum(sums['conflicts'])) AS conflicts,
            toUInt64(sum(sums['rejected'])) AS rejected
        FROM windows
        GROUP BY hour_start
    )
SELECT
    k.hour_start AS hour, i.slices AS slices, i.unique_ids AS unique_ids, i.voided AS voided, k.event_totals AS event_sums,
    k.window_totals AS window_sums, k.differing_keys AS differing_keys, c.duplicates AS duplicates, c.conflicts AS conflicts,
    c.rejected AS rejected
FROM keys_together AS k
LEFT JOIN ids AS i ON i.hour_start = k.hour_start
LEFT JOIN counts AS c ON c.hour_start = k.hour_start
