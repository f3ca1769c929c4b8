// One database per run is migrated; a test's own is made as a copy of it, in a fifth of the time that migrations take.
import { type ClickHouse, openClickHouse } from "../../../services/adapters/clickhouse/client.ts";
import { migrate } from "../../../services/adapters/clickhouse/migrate.ts";
import type { Stack } from "../../../services/local/stack.ts";

export const TEMPLATE = "meterhouse_test_template";

/** The migrated template as ClickHouse describes it. */
export interface Template {
  /** A statement per table and view. A view lists its columns with their types, so the order is free. */
  readonly creations: readonly string[];
  /** Tables in which the migrations left rows, such as their own names. */
  readonly filled: readonly string[];
}

export async function makeTemplate(
  { clickhouseUrl: url, users }: Pick<Stack, "clickhouseUrl" | "users">,
  migrations: string,
): Promise<Template> {
  const server = openClickHouse({ url, database: "default", ...users.migrate });
  const template = openClickHouse({ url, database: TEMPLATE, ...users.migrate });
  try {
    await server.command(`CREATE DATABASE ${TEMPLATE}`);
    await migrate(template, migrations);
    const tables = await template.query<{ name: string; creation: string; has_rows: boolean }>(
      `SELECT name, create_table_query AS creation, ifNull(total_rows, 0) > 0 AS has_rows
       FROM system.tables WHERE database = currentDatabase()`,
    );
    return {
      creations: tables.map(({ creation }) => creation),
      filled: tables.filter(({ has_rows }) => has_rows).map(({ name }) => name),
    };
  } finally {
    await Promise.all([server.close(), template.close()]);
  }
}

/** Makes in an empty database what the migrations would. */
export async function copyTemplate(
  { creations, filled }: Template,
  admin: ClickHouse,
  database: string,
): Promise<void> {
  const here = (creation: string) => creation.replaceAll(`${TEMPLATE}.`, `${database}.`);
  await Promise.all(creations.map((creation) => admin.command(here(creation))));
  for (const name of filled) {
    await admin.command(`INSERT INTO ${database}.${name} SELECT * FROM ${TEMPLATE}.${name}`);
  }
}
