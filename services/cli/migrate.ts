import { join } from "node:path";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { MigrationRefused, migrate, openForMigration } from "../adapters/clickhouse/migrate.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { retryForever } from "../adapters/retry/retry.ts";
import { fields } from "./config.ts";

const MIGRATIONS = join(import.meta.dirname, "../../clickhouse/migrations");

const config = configOrExit("migrate", fields);
const log = createLog({ level: config.logLevel, name: "migrate" });
const options = {
  url: config.clickhouseUrl,
  database: config.clickhouseDatabase,
  user: config.clickhouseUser,
  password: config.clickhousePassword.reveal(),
};

await runProcess({ log }, async (life) => {
  const client = await life.start(
    "ClickHouse",
    (signal) =>
      retryForever("ClickHouse", () => openForMigration(options), {
        isRetriable,
        log,
        clock: systemClock,
        signal,
      }),
    (opened) => opened.close(),
  );
  try {
    const applied = await migrate(client, MIGRATIONS);
    for (const name of applied) process.stdout.write(`applied ${name}\n`);
    if (applied.length === 0) process.stdout.write("nothing to apply\n");
    life.stop();
  } catch (error) {
    if (!(error instanceof MigrationRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
    life.stop(1);
  }
});
