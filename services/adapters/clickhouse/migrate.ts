import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { randomHex } from "../crypto/crypto.ts";
import { type ClickHouse, type ClickHouseOptions, openClickHouse } from "./client.ts";
import { ClickHouseFailure } from "./failure.ts";
import { splitStatements } from "./statements.ts";

const SCHEMA_MIGRATIONS = `
  CREATE TABLE IF NOT EXISTS schema_migrations
  (
      name       String,
      sha256     String,
      applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
  )
  ENGINE = MergeTree
  ORDER BY name`;

const NO_SUCH_DATABASE = "81";

/** The database is not what the migration files say; the message says which and what to do. */
export class MigrationRefused extends Error {
  override readonly name = "MigrationRefused";
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** Creates the database where it is missing and opens it. `options.user` needs the right to do both. */
export async function openForMigration(options: ClickHouseOptions): Promise<ClickHouse> {
  const client = openClickHouse(options);
  try {
    await client.ping();
  } catch (error) {
    if (!(error instanceof ClickHouseFailure) || error.code !== NO_SUCH_DATABASE) {
      await client.close();
      throw error;
    }
    const server = openClickHouse({ ...options, database: "default" });
    await server
      .command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", { params: { name: options.database } })
      .finally(() => server.close());
  }
  return client;
}

/**
 * Applies the `.sql` files of `directory` that were not applied yet, in the order of their names, and returns those
 * names. Forward only: throws MigrationRefused when an applied file was edited or removed. ClickHouse has no
 * transactions over DDL: a file that fails half way is not recorded, and its statements must be repeatable or it is
 * repaired by hand.
 */
export async function migrate(client: ClickHouse, directory: string): Promise<string[]> {
  const migrations = await readMigrations(directory);
  await client.command(SCHEMA_MIGRATIONS);
  const applied = await readApplied(client);
  check(migrations, applied);
  const pending = migrations.filter(({ name }) => !applied.has(name));
  for (const { name, sql, sha256 } of pending) {
    for (const statement of splitStatements(sql)) await client.command(withSecrets(statement));
    await client.insertRows("schema_migrations", [{ name, sha256 }]);
  }
  return pending.map(({ name }) => name);
}

/** Bits that nobody can guess, which no function of ClickHouse makes. */
const withSecrets = (statement: string): string =>
  statement.replaceAll("{{random_128_bits}}", () => randomHex(16));

function check(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void {
  const files = new Map(migrations.map(({ name, sha256 }) => [name, sha256]));
  for (const [name, sha256] of applied) {
    const file = files.get(name);
    if (file === undefined) {
      throw new MigrationRefused(
        `The database has the migration ${name}, which is not among the files. It was made by a newer version: use that one.`,
      );
    }
    if (file !== sha256) {
      throw new MigrationRefused(
        `The migration ${name} was edited after it was applied. Restore the file and put the change into a new migration.`,
      );
    }
  }
  const newest = [...applied.keys()].sort().at(-1) ?? "";
  const early = migrations.find(({ name }) => !applied.has(name) && name < newest);
  if (early !== undefined) {
    throw new MigrationRefused(
      `The migration ${early.name} sorts before ${newest}, which is applied already. Give it a higher number.`,
    );
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(directory, name), "utf8");
      return { name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

async function readApplied(client: ClickHouse): Promise<Map<string, string>> {
  const rows = await client.query<{ name: string; sha256: string }>(
    "SELECT name, sha256 FROM schema_migrations",
  );
  return new Map(rows.map(({ name, sha256 }) => [name, sha256]));
}
