// A month in usage_log, made by INSERT … SELECT on the server, for the question of what a tenant has used so far.
import { readFileSync } from "node:fs";
import type { ClickHouse } from "../../services/adapters/clickhouse/client.ts";
import type { Hour } from "../../services/domain/time/hour.ts";

const PIECE = 5_000_000;
const BATCH = 100_000;

const statement = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

/** Fills the hours from `from` on with so many events, and the windows that the processors would have written with them. */
export async function fillMonth(
  admin: ClickHouse,
  { events, from, hours }: { events: number; from: Hour; hours: number },
  say: (line: string) => void,
): Promise<void> {
  const settings = { max_partitions_per_insert_block: "0", max_insert_threads: "2" } as const;
  for (let first = 0; first < events; first += PIECE) {
    const count = Math.min(PIECE, events - first);
    await admin.command(statement("live.sql"), { params: { events, from, hours, first, count }, settings });
    say(`logged ${(first + count).toLocaleString("en")} of ${events.toLocaleString("en")} events`);
  }
  const batches = Math.max(1, Math.floor(events / BATCH));
  await admin.command(statement("live-windows.sql"), { params: { from, hours, batches }, settings });
}
