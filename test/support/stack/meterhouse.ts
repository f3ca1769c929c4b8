// `meterhouse …` as it is typed: a process of its own, with the settings of a flow and the rights of a role.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { PROJECT_ROOT } from "../../../services/local/paths.ts";
import type { Role } from "../../../services/local/roles.ts";
import type { Flow } from "../flows/flow.ts";
import { CHILD_ENV } from "./child-env.ts";
import type { Environment } from "./processor-process.ts";

const CLI = `${PROJECT_ROOT}services/cli/main.ts`;

/** Settings of a command or a service over this flow. */
export function settingsOf(flow: Flow, role: Role, changes: Environment = {}): Environment {
  const { user, password } = flow.target.users[role];
  return flow.environment({
    METERHOUSE_CLICKHOUSE_USER: user,
    METERHOUSE_CLICKHOUSE_PASSWORD: password,
    METERHOUSE_LOG_LEVEL: "warn",
    ...changes,
  });
}

/** Starts it and hands it over; who starts it ends it. */
export function startMeterhouse(settings: Environment, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], {
    env: { ...CHILD_ENV, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Runs it to its end: what it printed, and its exit code. */
export async function meterhouse(
  settings: Environment,
  ...args: string[]
): Promise<{ code: number | null; printed: string }> {
  const child = startMeterhouse(settings, ...args);
  const ended = once(child, "close");
  const printed = await text(child.stdout as NodeJS.ReadableStream);
  const [code] = (await ended) as [number | null];
  return { code, printed: printed.trim() };
}
