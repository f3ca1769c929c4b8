import { randomBytes } from "node:crypto";

/** The users of ClickHouse, one a process, each with no more rights than its work needs. `retention` is the jobs' second one. */
export const ROLES = [
  "migrate",
  "processor",
  "settlement",
  "pricing",
  "jobs",
  "retention",
  "reader",
] as const;
export type Role = (typeof ROLES)[number];
export type Users = Readonly<Record<Role, { readonly user: string; readonly password: string }>>;

/** Who appends to which table. A test compares this and the views with the migrations. */
export const PROCESSOR_TABLES = ["usage_log", "partition_owner", "log_generations", "log_gaps"] as const;
export const SETTLEMENT_TABLES = [
  "leader_lease",
  "hour_close",
  "usage_hourly",
  "hour_rating",
  "charges",
] as const;
/** The lease is settlement's too: a book is published under settlement's own lease, so that no hour is rated meanwhile. */
export const PRICING_TABLES = ["leader_lease", "price_books", "pricing_documents"] as const;
/** Jobs write documents for pricing, and what is about to be dropped. */
export const JOBS_TABLES = ["leader_lease", "pricing_documents", "log_drops"] as const;
/** What each process reads beside what it writes. `test/unit/roles.test.ts` compares them with its queries. */
const SETTLEMENT_READS = [
  "usage_log",
  "payload_hash_key",
  "log_drops",
  "log_generations",
  "log_gaps",
  "price_books",
  "usage_windows",
  "batches",
  "gpu_hour_account",
  "hour_close_current",
  "hour_rating_current",
] as const;
const PRICING_READS = [
  ...SETTLEMENT_READS,
  "hour_close",
  "hour_rating",
  "usage_hourly",
  "charges",
  "usage_hourly_current",
  "charges_current",
  "charge_lines",
  "event_voids",
  "focus_1_2",
  "focus_1_2_invoices",
] as const;
const JOBS_READS = [
  "usage_log",
  "log_generations",
  "log_gaps",
  "price_books",
  "hour_close",
  "hour_rating",
  "usage_hourly",
  "charges",
  "usage_windows",
  "batches",
  "gpu_hour_account",
  "hour_rating_current",
  "hour_close_current",
  "usage_hourly_current",
  "charges_current",
  "charge_lines",
  "event_voids",
] as const;
export const READER_VIEWS = [
  "events",
  "usage_windows",
  "gpu_totals",
  "batches",
  "rejected_events",
  "event_voids",
  "topic_generations",
  "topic_gaps",
  "hour_close_current",
  "usage_hourly_revisions",
  "usage_hourly_current",
  "usage_hourly_changes",
  "hour_rating_current",
  "charges_current",
  "tenant_totals",
  "gpu_hour_account",
  "charge_lines",
  "focus_1_2",
  "invoice_lines",
  "focus_1_2_invoices",
] as const;

/** What migrations do. Not ALL: that has dictionaries too, whose sources are files and other servers. */
const MIGRATION_RIGHTS =
  "SELECT, INSERT, ALTER, SHOW, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW, TRUNCATE";
const TABLE_ENGINES = ["MergeTree", "ReplacingMergeTree", "AggregatingMergeTree", "SummingMergeTree"];

/** Fresh passwords for every role. */
export function generateUsers(): Users {
  const user = (role: Role) => ({ user: role, password: randomBytes(18).toString("base64url") });
  return {
    migrate: user("migrate"),
    processor: user("processor"),
    settlement: user("settlement"),
    pricing: user("pricing"),
    jobs: user("jobs"),
    retention: user("retention"),
    reader: user("reader"),
  };
}

/** The GRANT statements of a role over the databases of this server, as ClickHouse's users file takes them. */
export function grantsOf(role: Role, databases: readonly string[]): string[] {
  const grants = databases.flatMap((database) => databaseGrants(role, database));
  switch (role) {
    case "migrate":
      return [
        ...grants,
        ...TABLE_ENGINES.map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
        "GRANT SELECT ON system.*",
      ];
    case "processor":
    case "settlement":
    case "pricing":
    case "jobs":
      // To see, and so to be able to kill, the inserts that an earlier owner or leader left running.
      return [...grants, "GRANT SELECT ON system.processes"];
    case "retention":
    case "reader":
      return grants;
  }
}

function databaseGrants(role: Role, database: string): string[] {
  const select = (name: string) => `GRANT SELECT ON ${database}.${name}`;
  const append = (name: string) => `GRANT SELECT, INSERT ON ${database}.${name}`;
  switch (role) {
    case "migrate":
      return [`GRANT ${MIGRATION_RIGHTS} ON ${database}.*`];
    case "processor":
      return [select("schema_migrations"), select("payload_hash_key"), ...PROCESSOR_TABLES.map(append)];
    case "settlement":
      return [...SETTLEMENT_READS.map(select), ...SETTLEMENT_TABLES.map(append)];
    case "pricing":
      return [
        ...PRICING_READS.filter((name) => name !== "price_books").map(select),
        ...PRICING_TABLES.map(append),
      ];
    case "jobs":
      return [...JOBS_READS.map(select), ...JOBS_TABLES.map(append)];
    case "retention":
      // What DROP PARTITION asks for; there is no narrower right.
      return [`GRANT ALTER DELETE ON ${database}.usage_log`];
    case "reader":
      return READER_VIEWS.map(select);
  }
}
