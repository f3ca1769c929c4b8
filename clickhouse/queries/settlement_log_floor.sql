-- The last hour of which rows may have been dropped; 0 if nothing was.
SELECT toUnixTimestamp(max(through_hour)) AS log_floor FROM log_drops
