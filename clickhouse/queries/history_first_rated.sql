-- The earliest hour in a currency that was rated after a moment in milliseconds; no row if none was.
SELECT toUnixTimestamp(min(r.hour)) AS hour
FROM hour_rating AS r
WHERE currency = {currency:String} AND toUnixTimestamp64Milli(rated_at) > {since:Int64}
HAVING count() > 0
