-- What is acknowledged is on the disk. A power failure would otherwise take parts out of the middle of the log, behind the
-- position, where nobody reads them again. A merge needs no sync: the parts that it replaces stay for eight minutes.
ALTER TABLE usage_log MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
-- Rows of these tables come from nowhere else: no Kafka could replay them.
ALTER TABLE partition_owner MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE leader_lease MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE hour_close MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE usage_hourly MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE price_books MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE hour_rating MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE charges MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE pricing_documents MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE log_generations MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE log_gaps MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE log_drops MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE schema_migrations MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
