import { join } from "node:path";
import { MigrationRefused, migrate, openForMigration } from "../adapters/clickhouse/migrate.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { runOneShot } from "../adapters/process/one-shot.ts";
import { optionsOf } from "../adapters/process/store.ts";
import { MIGRATE_FIELDS } from "./config.ts";
import { MIGRATE_COMMANDS } from "./migrate-command.ts";

const MIGRATIONS = join(import.meta.dirname, "../../clickhouse/migrations");

commandOrExit(MIGRATE_COMMANDS);
const config = configOrExit("migrate", MIGRATE_FIELDS);

await runOneShot(
  "migrate",
  config,
  async ({ clickhouse }) => {
    try {
      const applied = await migrate(clickhouse, MIGRATIONS);
      for (const name of applied) process.stdout.write(`applied ${name}\n`);
      if (applied.length === 0) process.stdout.write("nothing to apply\n");
      return EXIT.done;
    } catch (error) {
      if (!(error instanceof MigrationRefused)) throw error;
      process.stderr.write(`${error.message}\n`);
      return EXIT.failed;
    }
  },
  (store) => openForMigration(optionsOf(store)),
);
