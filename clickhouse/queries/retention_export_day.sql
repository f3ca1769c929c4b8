-- Every row of an ingest day with every column, for a file from which the day can be put back.
SELECT * FROM usage_log WHERE ingest_day = toDate({ingest_day:String})
