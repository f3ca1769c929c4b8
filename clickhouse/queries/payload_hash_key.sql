-- Two migrations at once may have made a key each: the first one counts for everybody.
SELECT lower(hex(key)) AS key FROM payload_hash_key ORDER BY made_at, key LIMIT 1
