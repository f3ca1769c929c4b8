import { createHash } from "node:crypto";
import { grantsOf, ROLES, type Role, type Users } from "./roles.ts";

interface ServerConfig {
  readonly port: number;
  readonly usersFile: string;
  readonly logFile: string;
}

/** Small pools and caches, for a machine that runs the broker and our own processes beside it. No query logs. */
export function serverConfig({ port, usersFile, logFile }: ServerConfig): string {
  return `<clickhouse>
  <logger>
    <log>${escapeXml(logFile)}</log>
    <errorlog>${escapeXml(`${logFile}.err`)}</errorlog>
    <size>10M</size>
    <count>1</count>
  </logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>${port}</http_port>
  <users_config>${escapeXml(usersFile)}</users_config>
  <timezone>UTC</timezone>
  <keep_alive_timeout>30</keep_alive_timeout>
  <max_concurrent_queries>100</max_concurrent_queries>
  <max_server_memory_usage>6442450944</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
`;
}

/**
 * The users file. SQL-created users are not available in the embedded engine, so rights are granted here. `default`
 * has no password because the engine's own session logs in as it; it may do nothing but open the port.
 */
export function usersConfig(users: Users, databases: readonly string[]): string {
  return `<clickhouse>
  <profiles>
    <default></default>
    <reader>
      <readonly>1</readonly>
      <output_format_json_quote_64bit_integers>1</output_format_json_quote_64bit_integers>
      <output_format_json_quote_decimals>1</output_format_json_quote_decimals>
      <async_insert>0</async_insert>
      <max_execution_time>60</max_execution_time>
      <max_memory_usage>2147483648</max_memory_usage>
    </reader>
  </profiles>
  <quotas><default></default></quotas>
  <users>
    <default>
      <password></password>
      ${LOOPBACK}
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
${ROLES.map((role) => userConfig(role, users, databases)).join("\n")}
  </users>
</clickhouse>
`;
}

const LOOPBACK = "<networks><ip>127.0.0.1</ip><ip>::1</ip></networks>";

function userConfig(role: Role, users: Users, databases: readonly string[]): string {
  const { user, password } = users[role];
  const hash = createHash("sha256").update(password).digest("hex");
  const queries = grantsOf(role, databases).map((grant) => `<query>${grant}</query>`);
  return `    <${user}>
      <password_sha256_hex>${hash}</password_sha256_hex>
      ${LOOPBACK}
      <profile>${role === "reader" ? "reader" : "default"}</profile>
      <quota>default</quota>
      <grants>${queries.join("\n")}</grants>
    </${user}>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
