// The pricing service as it is run: a key from the command line, the API as a process of its own, the client, the end.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { pricingClient } from "../../services/client/client.ts";
import { startPricing } from "../support/stack/pricing-process.ts";
import { databaseOfTest, sharedStack } from "../support/stack/stack.ts";

const run = promisify(execFile);

let env = settings("meterhouse");

function settings(database: string): Record<string, string> {
  const { kafkaBrokers, clickhouseUrl, users } = sharedStack();
  return {
    PATH: process.env["PATH"] ?? "",
    METERHOUSE_KAFKA_BROKERS: kafkaBrokers.join(),
    METERHOUSE_TOPIC: `events-${randomUUID()}`,
    METERHOUSE_CLICKHOUSE_URL: clickhouseUrl,
    METERHOUSE_CLICKHOUSE_DATABASE: database,
    METERHOUSE_CLICKHOUSE_USER: users.pricing.user,
    METERHOUSE_CLICKHOUSE_PASSWORD: users.pricing.password,
    METERHOUSE_API_PORT: "0",
    METERHOUSE_METRICS_PORT: "0",
  };
}

const cli = (...args: string[]) => run(process.execPath, ["services/cli/main.ts", ...args], { env });

it("makes a key, serves it, answers the command line, and ends in order", async () => {
  const database = await databaseOfTest();
  env = settings(database.name);
  const made = await cli("key", "create", "--scope", "operator", "--name", "finance", "--json");
  const { key, key_id } = JSON.parse(made.stdout);
  expect(
    JSON.stringify(await database.open("pricing").query("SELECT * FROM pricing_documents")),
  ).not.toContain(key);

  const server = await startPricing(env);
  try {
    const { url } = server;
    const ask = pricingClient({ url, key });
    expect(await ask("listPriceBooks", {})).toEqual({ items: [], next_cursor: null });
    await expect(ask("listKeys", {})).rejects.toMatchObject({ code: "API_SCOPE_MISSING" });

    env = { ...env, METERHOUSE_API_URL: url, METERHOUSE_API_KEY: key };
    const gone = cli("verify", "0".repeat(64));
    await expect(gone).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("API_NOT_FOUND") });
    const absent = cli("history", "0".repeat(32));
    await expect(absent).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("API_NOT_FOUND") });
    const admin = await cli("key", "create", "--scope", "admin", "--name", "root", "--json");
    const root = pricingClient({ url, key: JSON.parse(admin.stdout).key });
    const keys = await root("listKeys", {});
    expect(keys.items.map(({ name }) => name).toSorted()).toEqual(["finance", "root"]);
    expect(await root("revokeKey", { path: { key_id } })).toMatchObject({ is_revoked: true });
  } finally {
    expect(await server.stop()).toEqual([0, null]);
  }
});

it.each([
  [["key", "create", "--scope", "tenant", "--name", "x"], "--tenant names the tenant"],
  [["key", "create", "--scope", "king", "--name", "x"], '--scope "king" is none of tenant, operator, admin'],
  [["key", "create", "--scope", "admin"], "--name <text> is missing: who the key is for"],
  [["key", "steal"], "unknown command 'steal'"],
])("%j is refused with a sentence", async (args, sentence) => {
  await expect(cli(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) });
});
