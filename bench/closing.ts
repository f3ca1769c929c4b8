// node bench/closing.ts [--hours N]: closes and rates a backlog of small hours, the first half an hour at a time and the rest together,
// then audits all of them down to the events. One engine, one run: read the ratio.
import { parseArgs } from "node:util";
import { openClickHouse } from "../services/adapters/clickhouse/client.ts";
import { migrate, openForMigration } from "../services/adapters/clickhouse/migrate.ts";
import { ClickHousePriceBooks } from "../services/adapters/clickhouse/price-books.ts";
import { ClickHouseProofStore } from "../services/adapters/clickhouse/proof-store.ts";
import { systemClock } from "../services/adapters/clock/clock.ts";
import { sha256 } from "../services/adapters/crypto/crypto.ts";
import { bookOf } from "../services/billing/books/books.ts";
import { auditHours } from "../services/billing/verification/audit-hours.ts";
import { startStack } from "../services/local/stack.ts";
import { isSignedClose } from "../services/settlement/audit.ts";
import { runPass } from "../services/settlement/run-pass.ts";
import { demoBook } from "../test/support/builders/price-books.ts";
import { settlementOver, TEN } from "../test/support/flows/settlement-pass.ts";
import { appendBatch, batch } from "../test/support/stores/logged-batches.ts";

const { values } = parseArgs({
  options: {
    hours: { type: "string", default: "700" },
  },
});
const hours = Number(values.hours);
const EVENTS_PER_HOUR = 3;

const stack = await startStack();
try {
  const { clickhouseUrl: url, users } = stack;
  const database = "meterhouse";
  const admin = await openForMigration({ url, database, ...users.migrate });
  await migrate(admin, new URL("../clickhouse/migrations/", import.meta.url).pathname);
  const open = (role: "processor" | "settlement" | "pricing") =>
    openClickHouse({ url, database, ...users[role] });
  const books = new ClickHousePriceBooks(open("pricing"), database, "bench", systemClock);
  await books.publish(bookOf(demoBook(), "draft", { hash: sha256 }));
  const first = TEN - hours * 3600;
  const events = Array.from({ length: hours * EVENTS_PER_HOUR }, (_, index) => ({
    id: `e${index}`,
    hour: first + Math.floor(index / EVENTS_PER_HOUR) * 3600,
  }));
  await appendBatch(open("processor"), batch(0, 0, events));
  const store = new ClickHouseProofStore(open("settlement"), database);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedMs = systemClock.monotonicMs();
    await work();
    return (systemClock.monotonicMs() - startedMs) / 1000;
  };
  const alone = Math.min(24, Math.floor(hours / 2));
  const deps = settlementOver(store);
  await runPass(deps, { through: first });
  const singly = await timed(async () => {
    for (let at = 1; at <= alone; at++) await runPass(deps, { through: first + at * 3600 });
  });
  const together = await timed(() => runPass(deps));
  const auditor = { store, hash: sha256, isSigned: isSignedClose, trustedKeys: [] };
  const audited = await timed(async () => {
    const report = await auditHours(auditor, { from: first, to: TEN, depth: "events" });
    if (report.hours !== hours || report.faults.length > 0) throw new Error(JSON.stringify(report));
  });
  const each = { singly: singly / alone, together: together / (hours - alone - 1) };
  process.stdout.write(
    `${JSON.stringify({ hours, seconds_per_hour: each, ratio: each.singly / each.together, audit_events_seconds: audited })}\n`,
  );
} finally {
  await stack.stop();
}
process.exit();
