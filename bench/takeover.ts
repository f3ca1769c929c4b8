// npm run bench:takeover [-- --ids N]: what a processor reads before it counts: the recent ids of 8 partitions; and how many ids of late
// events the log is asked for per second. One engine, one run.
import { parseArgs } from "node:util";
import { openClickHouse } from "../services/adapters/clickhouse/client.ts";
import { migrate, openForMigration } from "../services/adapters/clickhouse/migrate.ts";
import { clickHouseUsageLog } from "../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../services/adapters/clock/clock.ts";
import { DedupeMemory } from "../services/domain/dedupe/memory.ts";
import { HOUR_MS } from "../services/domain/time/hour.ts";
import { startStack } from "../services/local/stack.ts";

const PARTITIONS = 8;
const LATE_IDS = 100_000;
const HASH_KEY = { low: 1, high: 2 };

const { values } = parseArgs({
  options: {
    ids: { type: "string", default: "5000000" },
  },
});
const count = Number(values.ids);

/** Ids of version 7, of one hour; each row lies where its key belongs. */
const FILL = `
INSERT INTO usage_log (kind, ingest_day, kafka_partition, kafka_offset, ingested_at, hour, event_id, payload_hash, payload_hash_high, home)
SELECT 'event', toDate(at), bitAnd(kafkaMurmurHash(id), 0x7fffffff) % ${PARTITIONS}, n, at, toStartOfHour(at), id, cityHash64(id), 1, 1
FROM
(
    SELECT number AS n, fromUnixTimestamp64Milli({ms:Int64} + number % 3000000, 'UTC') AS at,
        reinterpret(reverse(reinterpret(toUInt64({ms:Int64} + number % 3000000), 'FixedString(8)')), 'FixedString(8)') AS time,
        toFixedString(unhex(concat(hex(substring(time, 3, 6)), '7', lower(leftPad(hex(bitAnd(number, 4095)), 3, '0')),
            'a', substring(hex(MD5(toString(number))), 1, 15))), 16) AS id
    FROM numbers({count:UInt64})
)`;

const stack = await startStack();
try {
  const { clickhouseUrl: url, users } = stack;
  const database = "meterhouse";
  const admin = await openForMigration({ url, database, ...users.migrate });
  await migrate(admin, new URL("../clickhouse/migrations/", import.meta.url).pathname);
  const hour = Math.floor(systemClock.nowMs() / HOUR_MS) - 1;
  await admin.command(FILL, { params: { ms: hour * HOUR_MS, count } });
  const log = clickHouseUsageLog(openClickHouse({ url, database, ...users.processor }), systemClock);
  const memory = new DedupeMemory({ dedupe_hours: 2, dedupe_ids_max: count * 2 }, HASH_KEY);
  const late: Uint8Array[] = [];
  const takeover_s = await timed(async () => {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      memory.open(partition, hour - 1);
      for await (const { space, ids } of log.recentIds(
        partition,
        { first: 0, partitions: PARTITIONS },
        hour - 1,
      )) {
        for (const known of ids) memory.add(partition, space, known.id, 0, known);
        if (late.length < LATE_IDS) late.push(...ids.slice(0, 64).map(({ id }) => id.slice()));
      }
    }
  });
  const { ids } = memory.usage();
  if (ids !== count) throw new Error(`${ids} of ${count} ids were remembered`);
  const look_up_s = await timed(async () => {
    const found = await log.lookUp("event", late);
    if (found.length !== late.length) throw new Error(`${found.length} of ${late.length} ids were found`);
  });
  const late_ids_per_s = Math.round(late.length / look_up_s);
  process.stdout.write(`${JSON.stringify({ ids, takeover_s, late_ids: late.length, late_ids_per_s })}\n`);
} finally {
  await stack.stop();
}
process.exit();

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await work();
  return (systemClock.monotonicMs() - startedMs) / 1000;
}
