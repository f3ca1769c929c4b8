-- What the pricing service keeps: API keys, drafts of price books, corrections and the answers to idempotency keys, as
-- versioned JSON documents. One table, so that a change and the answer that is repeated for its idempotency key are one
-- insert and so one part: both are there or neither. A row is never changed; a change is the next version.
CREATE TABLE pricing_documents
(
    kind       LowCardinality(String),
    id         String,
    -- 1, 2, 3 … of this kind and id
    version    UInt32,
    content    String CODEC(ZSTD(1)),
    -- the id of the API key, or who used the command line
    written_by String,
    reason     String,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3),
    epoch      UInt64
)
ENGINE = MergeTree
ORDER BY (kind, id, version)
TTL toDateTime(written_at) + INTERVAL 30 DAY DELETE WHERE kind = 'idempotency'
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Every charge that was ever committed, by an id that stays the same wherever it is asked for. `is_current` are those of
-- the newest rating of their hour.
CREATE VIEW charge_lines SQL SECURITY DEFINER AS
SELECT
    concat(
        formatDateTime(hour, '%Y%m%d%H'), '-', toString(revision), '-', toString(rating), '-',
        substring(lower(hex(SHA256(arrayStringConcat(
            [tenant_id, project_id, model, model_version, gpu_model, mig_profile, sharing, phase, outcome],
            char(31))))), 1, 24)
    ) AS charge_id,
    attempt_id IN (SELECT attempt_id FROM hour_rating_current) AS is_current,
    *
FROM charges
WHERE attempt_id IN (SELECT attempt_id FROM hour_rating);
