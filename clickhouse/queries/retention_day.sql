-- What an ingest day holds, and how the rest of the log and the closed hours stand to it. A window without usage (duplicates,
-- rejects) counts in no hour, and its hour may be whatever a faulty record said.
WITH
    toDate({ingest_day:String}) AS day,
    (SELECT argMax(cut, sequence) FROM hour_close) AS newest_cut
SELECT
    count() AS day_rows,
    sum(cityHash64(tuple(l.* EXCEPT (closed_hour, closed_cut, has_usage)))) AS fingerprint,
    toUnixTimestamp(maxIf(hour, kind IN ('event', 'void', 'totals') OR (kind = 'window' AND has_usage))) AS through_hour,
    countIf((kind = 'event' OR (kind = 'window' AND has_usage)) AND kafka_offset >= closed_cut[kafka_partition]) AS uncovered_rows,
    countIf(kind = 'batch' AND kafka_offset >= newest_cut[kafka_partition]) AS unaudited_batches,
    (
        SELECT count()
        FROM
        (
            SELECT kafka_partition, maxIf(kafka_offset, ingest_day = day) AS here, maxIf(kafka_offset + 1, ingest_day != day) AS elsewhere
            FROM usage_log
            WHERE kind = 'batch'
            GROUP BY kafka_partition
            HAVING countIf(ingest_day = day) > 0
        )
        WHERE elsewhere <= here + 1
    ) AS last_positions
FROM
(
    SELECT u.*, u.has_usage AS has_usage, c.hour AS closed_hour, c.cut AS closed_cut
    FROM usage_log AS u
    LEFT JOIN hour_close_current AS c ON c.hour = u.hour
    WHERE u.ingest_day = toDate({ingest_day:String})
) AS l
