SELECT
    sum(b.received) AS received,
    sum(b.counted) AS counted,
    sum(b.duplicates) AS duplicate,
    sum(b.conflicts) AS conflict,
    sum(b.rejected) AS rejected
FROM batches AS b
