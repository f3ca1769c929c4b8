-- What a close vouches for beside its usage: the rows of the log as they were when it read them, and who closed.
ALTER TABLE hour_close
    -- Of the rows of usage_log, column by column (clickhouse/queries/settlement_log_hashes.sql); '' where none was made. It is part
    -- of chain_hash where it is not ''.
    ADD COLUMN log_hash String DEFAULT '',
    -- Ed25519 over the link; '' where settlement had no key. key_id: the first 16 hexadecimal digits of the SHA-256 of public_key,
    -- which is the key's SPKI in base64.
    ADD COLUMN key_id LowCardinality(String) DEFAULT '',
    ADD COLUMN public_key LowCardinality(String) DEFAULT '',
    ADD COLUMN signature String DEFAULT '';

-- Again, as a view has the columns that its tables had when it was made.
CREATE OR REPLACE VIEW hour_close_current SQL SECURITY DEFINER AS
SELECT * FROM hour_close ORDER BY revision DESC LIMIT 1 BY hour;
