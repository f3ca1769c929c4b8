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
export const PROCESSOR_TABLES = ["usage_log", "partition_owner"] as const;
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
/** Of migrate; read by whoever hashes payloads: to take records in, and to verify them. */
const KEY_TABLE = "payload_hash_key";
export const READER_VIEWS = [
  "events",
  "usage_windows",
  "gpu_totals",
  "batches",
  "rejected_events",
  "event_voids",
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

const ALL_BUT_THE_KEY = [
  ...new Set([...PROCESSOR_TABLES, ...SETTLEMENT_TABLES, ...PRICING_TABLES, ...JOBS_TABLES]),
  "schema_migrations",
  ...READER_VIEWS,
];

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
      return [`GRANT ALL ON ${database}.*`];
    case "processor":
      return [select("schema_migrations"), select(KEY_TABLE), ...PROCESSOR_TABLES.map(append)];
    case "settlement":
      return [select("*"), ...SETTLEMENT_TABLES.map(append)];
    case "pricing":
      return [select("*"), ...PRICING_TABLES.map(append)];
    case "jobs":
      return [...ALL_BUT_THE_KEY.map(select), ...JOBS_TABLES.map(append)];
    case "retention":
      // What DROP PARTITION asks for; there is no narrower right.
      return [`GRANT ALTER DELETE ON ${database}.usage_log`];
    case "reader":
      return READER_VIEWS.map(select);
  }
}
