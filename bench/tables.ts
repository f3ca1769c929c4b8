import { readFileSync } from "node:fs";
import type { ClickHouse } from "../services/adapters/clickhouse/client.ts";

export const readNaiveTable = (): string => readFileSync(new URL("naive.sql", import.meta.url), "utf8");

export async function createTables(admin: ClickHouse, naive: string): Promise<void> {
  await admin.command(naive);
  await admin.command("CREATE TABLE ceiling_log AS usage_log");
}
