-- Waits until each insert named, or each insert that carries one of the partitions, has been committed or has died. Another
-- database on the same server has partitions of its own.
KILL QUERY
WHERE current_database = currentDatabase()
  AND (query_id = {name:String}
    OR (query_id LIKE 'usage\_log/%'
      AND hasAny(arrayMap(part -> toInt32OrDefault(part, toInt32(-1)), splitByChar('.', splitByChar('/', query_id)[2])), {partitions:Array(Int32)})))
SYNC
