// What each process exports as it is run, before it has reached ClickHouse.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { NODE_FLAGS } from "../../../../services/adapters/lifecycle/node-flags.ts";
import { METRICS } from "../../../../services/adapters/metrics/names.ts";
import { OWNERS, PROCESSES, type ProcessName } from "../../../../services/adapters/metrics/owners.ts";
import { CHILD_ENV } from "../../../support/stack/child-env.ts";

/** Nobody listens on port 9 of this machine. */
const NOWHERE = { METERHOUSE_CLICKHOUSE_URL: "http://127.0.0.1:9", METERHOUSE_KAFKA_BROKERS: "127.0.0.1:9" };
const FOLDERS = { processor: "processor", settlement: "settlement", pricing: "api", jobs: "jobs" } as const;

async function scrape(name: ProcessName): Promise<string> {
  const child = spawn(process.execPath, [...NODE_FLAGS, `services/${FOLDERS[name]}/main.ts`], {
    env: {
      ...CHILD_ENV,
      ...NOWHERE,
      METERHOUSE_CLICKHOUSE_PASSWORD: "x",
      METERHOUSE_METRICS_PORT: "0",
      METERHOUSE_LOG_LEVEL: "info",
      METERHOUSE_COMMIT: "0123abc",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stderr })) {
    const { msg, port } = JSON.parse(line) as { readonly msg: string; readonly port?: number };
    if (msg === "metrics are served") return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  }
  throw new Error(`${name} has ended`);
}

it.each(PROCESSES)("%s exports its own metrics, what it is built from, and zeros", async (name) => {
  const body = await scrape(name);
  const exported = [...body.matchAll(/^# TYPE (meterhouse_\w+) /gm)].map(([, metric]) => metric);
  const owned = Object.entries(METRICS).filter(
    ([key]) => OWNERS[key as keyof typeof METRICS][name] !== undefined,
  );
  expect(exported.sort()).toEqual(owned.map(([, metric]) => metric.name).sort());
  expect(body).toMatch(
    /^meterhouse_build_info\{version="\d+\.\d+\.\d+",commit="0123abc",process="\w+"\} 1$/m,
  );
  expect(body).toMatch(/^meterhouse_clickhouse_failures_total\{reason="disk",process="\w+"\} 0$/m);
});
