-- Which log of Kafka the positions are of. The first row of a generation is its begin, later ones are partitions that were
-- added to its topic. Partition p of generation g is kafka_partition 1024 g + p everywhere else.
CREATE TABLE log_generations
(
    generation UInt16,
    cluster_id String,
    topic_id   String,
    topic      String,
    partitions UInt16,
    -- by Kafka's partition, the first offset that is read
    begins     Map(UInt16, UInt64),
    reason     String,
    begun_by   String,
    begun_at   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (generation, begun_at);

-- Offsets [from_offset, to_offset) that expired in Kafka before they were read, and that somebody accepted as lost. The
-- position passes them by a batch row of the same offsets, which tiles only with its row here.
CREATE TABLE log_gaps
(
    kafka_partition UInt16,
    from_offset     UInt64,
    to_offset       UInt64,
    reason          String,
    accepted_by     String,
    accepted_at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (kafka_partition, from_offset);

CREATE VIEW topic_generations SQL SECURITY DEFINER AS
SELECT generation, cluster_id, topic_id, topic, partitions, begins, reason, begun_by, begun_at FROM log_generations;

CREATE VIEW topic_gaps SQL SECURITY DEFINER AS
SELECT
    intDiv(kafka_partition, 1024) AS generation,
    kafka_partition, from_offset, to_offset, to_offset - from_offset AS offsets, reason, accepted_by, accepted_at
FROM log_gaps;

CREATE OR REPLACE VIEW batches SQL SECURITY DEFINER AS
SELECT
    kafka_partition,
    numbers[1] AS first_offset,
    kafka_offset AS last_offset,
    numbers[2] AS epoch,
    numbers[3] AS received,
    numbers[4] AS counted,
    numbers[5] AS duplicates,
    numbers[6] AS conflicts,
    numbers[7] AS rejected,
    -- offsets of an accepted gap; beyond the end of an array of before is 0
    numbers[8] AS lost,
    ingested_at
FROM usage_log
WHERE kind = 'batch';
