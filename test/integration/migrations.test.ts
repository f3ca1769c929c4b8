import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { migrate, openForMigration } from "../../services/adapters/clickhouse/migrate.ts";
import { payloadHasher } from "../../services/adapters/clickhouse/payload-hash-key.ts";
import {
  JOBS_TABLES,
  PRICING_TABLES,
  PROCESSOR_TABLES,
  READER_VIEWS,
  SETTLEMENT_TABLES,
} from "../../services/local/roles.ts";
import { databaseOfTest, freshDatabase, MIGRATIONS, type TestDatabase } from "../support/stack/stack.ts";

let database: TestDatabase;
let client: ClickHouse;
let folder: string;

beforeEach(async () => {
  database = await freshDatabase({ migrated: false });
  client = database.open("migrate");
  folder = await mkdtemp(join(tmpdir(), "meterhouse-migrations-"));
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

const put = (name: string, sql: string) => writeFile(join(folder, name), sql);
const table = (name: string) => `CREATE TABLE ${name} (n UInt8) ENGINE = MergeTree ORDER BY n;\n`;
const tables = async () => {
  const rows = await client.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name",
  );
  return rows.map(({ name }) => name);
};

describe("migrate", () => {
  it("applies the files in order of their names, once", async () => {
    await put("0002_b.sql", "INSERT INTO one VALUES (7);");
    await put("0001_a.sql", `-- first; not a statement\n${table("one")}${table("two")}`);
    expect(await migrate(client, folder)).toEqual(["0001_a.sql", "0002_b.sql"]);
    expect(await migrate(client, folder)).toEqual([]);
    expect(await tables()).toEqual(["one", "schema_migrations", "two"]);
    expect(await client.query("SELECT n FROM one")).toEqual([{ n: 7 }]);
  });

  it("applies what was added since", async () => {
    await put("0001_a.sql", table("one"));
    await migrate(client, folder);
    await put("0002_b.sql", table("two"));
    expect(await migrate(client, folder)).toEqual(["0002_b.sql"]);
  });

  it("refuses a file that was edited after it was applied, and changes nothing", async () => {
    await put("0001_a.sql", table("one"));
    await migrate(client, folder);
    await put("0001_a.sql", `${table("one")} `);
    await put("0002_b.sql", table("two"));
    await expect(migrate(client, folder)).rejects.toThrow(
      "The migration 0001_a.sql was edited after it was applied. Restore the file and put the change into a new migration.",
    );
    expect(await tables()).toEqual(["one", "schema_migrations"]);
  });

  it("refuses a database that is newer than the files", async () => {
    await put("0001_a.sql", table("one"));
    await migrate(client, folder);
    await rm(join(folder, "0001_a.sql"));
    await expect(migrate(client, folder)).rejects.toThrow("0001_a.sql, which is not among the files");
  });

  it("refuses a new file that sorts before an applied one", async () => {
    await put("0002_b.sql", table("two"));
    await migrate(client, folder);
    await put("0001_a.sql", table("one"));
    await expect(migrate(client, folder)).rejects.toThrow("0001_a.sql sorts before 0002_b.sql");
  });

  it("does not record a file that failed", async () => {
    await put("0001_a.sql", "CREATE NONSENSE;");
    await expect(migrate(client, folder)).rejects.toMatchObject({ name: "ClickHouseFailure", kind: "fatal" });
    await put("0001_a.sql", table("one"));
    expect(await migrate(client, folder)).toEqual(["0001_a.sql"]);
  });

  it("creates the database where it is missing", async () => {
    await client.command(`DROP DATABASE ${database.name} SYNC`);
    const opened = await openForMigration(database.options("migrate"));
    await put("0001_a.sql", table("one"));
    expect(await migrate(opened, folder)).toEqual(["0001_a.sql"]);
    await opened.close();
  });
});

describe("the house's own migrations", () => {
  it("apply to an empty database, and every role has its tables and no others", async () => {
    const names = (await readdir(MIGRATIONS)).sort();
    for (const name of names) await copyFile(join(MIGRATIONS, name), join(folder, name));
    expect(await migrate(client, folder)).toEqual(names);
    expect(await migrate(client, folder)).toEqual([]);
    const tablesOfAll = [...PROCESSOR_TABLES, ...SETTLEMENT_TABLES, ...PRICING_TABLES, ...JOBS_TABLES];
    const written = [...new Set(tablesOfAll), "schema_migrations", "payload_hash_key"];
    expect(await tables()).toEqual([...written, ...READER_VIEWS].sort());
    const reader = database.open("reader");
    for (const view of READER_VIEWS) await reader.query(`SELECT * FROM ${view} LIMIT 1`);
    for (const raw of written) {
      await expect(reader.query(`SELECT * FROM ${raw}`), raw).rejects.toThrow("Not enough privileges");
    }
    for (const foreign of SETTLEMENT_TABLES) {
      const insert = database.open("processor").command(`INSERT INTO ${foreign} SELECT * FROM ${foreign}`);
      await expect(insert, foreign).rejects.toThrow("Not enough privileges");
    }
    for (const foreign of PROCESSOR_TABLES) {
      const insert = database.open("settlement").command(`INSERT INTO ${foreign} SELECT * FROM ${foreign}`);
      await expect(insert, foreign).rejects.toThrow("Not enough privileges");
    }
    for (const role of ["settlement", "jobs"] as const) {
      const insert = database.open(role).command("INSERT INTO price_books SELECT * FROM price_books");
      await expect(insert, role).rejects.toThrow("Not enough privileges");
    }
    for (const foreign of ["usage_log", "hour_close", "charges", "log_drops"]) {
      const insert = database.open("pricing").command(`INSERT INTO ${foreign} SELECT * FROM ${foreign}`);
      await expect(insert, foreign).rejects.toThrow("Not enough privileges");
    }
  });

  it.each([
    ["settlement", "SELECT content FROM pricing_documents"],
    ["settlement", "SELECT * FROM partition_owner"],
    ["processor", "SELECT * FROM charges"],
    ["pricing", "SELECT * FROM partition_owner"],
    ["jobs", "ALTER TABLE usage_log DELETE WHERE 1"],
    ["jobs", "SELECT * FROM partition_owner"],
    ["retention", "SELECT * FROM usage_log"],
    ["retention", "DROP TABLE usage_log"],
    ["reader", "SELECT * FROM pricing_documents"],
    ["migrate", "SELECT * FROM url('http://127.0.0.1:9/', TSV, 'x String')"],
    ["migrate", "SELECT * FROM file('/etc/passwd', TSV, 'x String')"],
    ["migrate", "CREATE DICTIONARY d (n UInt64) PRIMARY KEY n SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)"],
    ["migrate", "CREATE USER somebody"],
  ] as const)("leave %s no right to: %s", async (role, statement) => {
    const { open } = await databaseOfTest();
    await expect(open(role).command(statement)).rejects.toThrow("Not enough privileges");
  });

  it("make views with the columns that docs/VIEWS.md has", async () => {
    const { open } = await databaseOfTest();
    const rows = await open("reader").query<{ view: string; columns: string[] }>(
      `SELECT table AS view, groupArray(concat('| \`', name, '\` | \`', type, '\` |')) AS columns
       FROM (SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position)
       GROUP BY view ORDER BY view`,
    );
    expect(rows.map(({ view }) => view)).toEqual([...READER_VIEWS].sort());
    const parts = rows.map(({ view, columns }) =>
      [`## ${view}`, "", "| Column | Type |", "| --- | --- |", ...columns, ""].join("\n"),
    );
    const about =
      "Made from the migrated database by `vitest run test/integration/migrations.test.ts -u`; do not edit. What each view is for is in\n" +
      "[clickhouse](../clickhouse/README.md#views), what an event's fields mean in [schemas](../schemas/README.md). Units stand last in a name.\n";
    await expect(["# Views", "", about, ...parts].join("\n")).toMatchFileSnapshot("../../docs/VIEWS.md");
  });

  it("make a key of the payload hash once, which neither the jobs nor readers see", async () => {
    for (const name of await readdir(MIGRATIONS)) await copyFile(join(MIGRATIONS, name), join(folder, name));
    const keys = () => client.query("SELECT lower(hex(key)) AS key FROM payload_hash_key");
    await migrate(client, folder);
    const made = await keys();
    expect(made).toEqual([{ key: expect.stringMatching(/^[0-9a-f]{32}$/) }]);
    await migrate(client, folder);
    expect(await keys()).toEqual(made);
    for (const role of ["processor", "settlement", "pricing"] as const) {
      await expect(payloadHasher(database.open(role)), role).resolves.toBeTypeOf("function");
    }
    for (const role of ["jobs", "reader", "retention"] as const) {
      const read = database.open(role).query("SELECT key FROM payload_hash_key");
      await expect(read, role).rejects.toThrow("Not enough privileges");
    }
    await client.command("TRUNCATE TABLE payload_hash_key");
    await expect(payloadHasher(client)).rejects.toThrow("restore its row from a backup");
  });

  it("make what a test's database, a copy, has", async () => {
    await migrate(client, MIGRATIONS);
    const copy = await databaseOfTest();
    const made = async ({ name, open }: TestDatabase) => {
      const admin = open("migrate");
      const creations = await admin.query<{ creation: string }>(
        "SELECT create_table_query AS creation FROM system.tables WHERE database = currentDatabase() ORDER BY name",
      );
      return {
        creations: creations.map(({ creation }) => creation.replaceAll(`${name}.`, "")),
        migrations: await admin.query("SELECT name, sha256 FROM schema_migrations ORDER BY name"),
      };
    };
    expect(await made(copy)).toEqual(await made(database));
  });

  it("are never edited into something that does not end in a statement", async () => {
    for (const name of await readdir(MIGRATIONS)) {
      expect((await readFile(join(MIGRATIONS, name), "utf8")).trimEnd().endsWith(";"), name).toBe(true);
    }
  });
});
