-- The upper half of a keyed payload hash; 0 in rows of before, whose hash has no key.
ALTER TABLE usage_log ADD COLUMN payload_hash_high UInt64 DEFAULT 0 AFTER payload_hash;

-- One row, made once. Whoever has it can make two events that count as copies of one another, so no reader sees it.
CREATE TABLE payload_hash_key
(
    key     FixedString(16),
    made_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY made_at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

INSERT INTO payload_hash_key (key) VALUES (unhex('{{random_128_bits}}'));
