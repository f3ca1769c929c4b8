-- Waits until each insert named, or each insert that carries one of the partitions, has been committed or has died.
KILL QUERY
WHERE query_id = {name:String}
   OR (query_id LIKE 'usage\_log/%'
       AND hasAny(arrayMap(part -> toInt32OrDefault(part, toInt32(-1)), splitByChar('.', splitByChar('/', query_id)[2])), {partitions:Array(Int32)}))
SYNC
