// Without ClickHouse, every process waits and says so, and every command that wants an answer now ends with a sentence.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { PROJECT_ROOT } from "../../services/local/paths.ts";
import { freePort } from "../../services/local/ports.ts";
import { eventually } from "../support/checks/eventually.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { CHILD_ENV } from "../support/stack/child-env.ts";
import { settingsOf } from "../support/stack/meterhouse.ts";
import type { Environment } from "../support/stack/processor-process.ts";
import { sharedStack } from "../support/stack/stack.ts";
import { TcpProxy } from "../support/stack/tcp-proxy.ts";

const CLI = `${PROJECT_ROOT}services/cli/main.ts`;
const PATIENCE = { withinMs: 60_000 };

function start(env: Environment, ...args: string[]) {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: PROJECT_ROOT,
    env: { ...CHILD_ENV, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGTERM"));
  return child;
}

async function status(port: number, path: string): Promise<number | undefined> {
  return (await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined))?.status;
}

it.each(["processor", "settlement", "pricing", "jobs"] as const)(
  "%s waits for ClickHouse, says so once, and is not ready meanwhile",
  async (name) => {
    const flow = await sharedFlow({ partitions: 1 });
    const proxy = await TcpProxy.reserve(new URL(sharedStack().clickhouseUrl).host);
    onTestFinished(() => proxy.down());
    const port = await freePort();
    const env = settingsOf(flow, name, {
      METERHOUSE_CLICKHOUSE_URL: `http://${proxy.address}`,
      METERHOUSE_METRICS_PORT: String(port),
      METERHOUSE_API_PORT: "0",
      METERHOUSE_LOG_LEVEL: "info",
    });
    const child = start(env, name);
    const said: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push((JSON.parse(line) as { msg: string }).msg);
    });
    const says = (message: string) =>
      eventually(message, () => said.find((msg) => msg.startsWith(message)), PATIENCE);
    await says("ClickHouse is away");
    expect([await status(port, "/healthz"), await status(port, "/readyz")]).toEqual([200, 503]);
    await proxy.up();
    await says("ClickHouse is back");
    await eventually(
      "ready",
      async () => ((await status(port, "/readyz")) === 200 ? true : undefined),
      PATIENCE,
    );
    expect(said.filter((msg) => msg.startsWith("ClickHouse is away"))).toHaveLength(1);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  },
);

it("every command that needs ClickHouse ends with a sentence and code 1", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const url = `http://127.0.0.1:${await freePort()}`;
  const commands = [
    ["settlement", "close", "--through", "2026-01-31T10:00Z"],
    ["settlement", "verify", "--hour", "2026-01-31T10:00Z"],
    ["pricing", "key", "create", "--scope", "operator", "--name", "x"],
    ["migrate", "migrate"],
  ] as const;
  // Each waits for some seconds before it gives up, so they wait together.
  const endings = commands.map(async ([role, ...args]) => {
    const child = start(settingsOf(flow, role, { METERHOUSE_CLICKHOUSE_URL: url }), ...args);
    const ended = once(child, "close");
    const said = await text(child.stderr);
    return { name: args.join(" "), said, ended: await ended };
  });
  for (const { name, said, ended } of await Promise.all(endings)) {
    expect(ended, name).toEqual([1, null]);
    expect(said, name).toContain(`meterhouse: ClickHouse at ${url} is away (`);
    expect(said, name).toContain("Start it or correct METERHOUSE_CLICKHOUSE_URL");
  }
});

it("a command of the API that cannot reach it ends with a sentence and code 1", async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = start({ METERHOUSE_API_URL: url, METERHOUSE_API_KEY: "mh_x" }, "invoice", "list");
  const ended = once(child, "close");
  expect(await text(child.stderr)).toContain(`meterhouse: ${url} cannot be reached`);
  expect(await ended).toEqual([1, null]);
});
