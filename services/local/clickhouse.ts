import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../adapters/clock/clock.ts";
import { type Child, logTail, startChild } from "./child.ts";
import { serverConfig, usersConfig } from "./clickhouse-config.ts";
import { engineLibrary } from "./engine-library.ts";
import { LocalFailure } from "./failure.ts";
import type { Server, ServerOptions } from "./server.ts";

const POLL_MS = 20;
const PRIVATE = 0o600;

export interface ClickHouseOptions extends ServerOptions {
  readonly databases: readonly string[];
}

/** Starts the engine on a port, with its data under the stack's folder. Resolves when it answers as our own. */
export async function startClickHouse(options: ClickHouseOptions): Promise<Server> {
  const { directory, port, users } = options;
  const dataFolder = join(directory, "clickhouse");
  const configFile = join(directory, "clickhouse-config.xml");
  const usersFile = join(directory, "clickhouse-users.xml");
  const logFile = join(directory, "clickhouse.log");
  await mkdir(dataFolder, { recursive: true });
  await writeFile(configFile, serverConfig({ port, usersFile, logFile }));
  await writeFile(usersFile, usersConfig(users, options.databases), { mode: PRIVATE });
  const library = engineLibrary();

  const start = async (): Promise<Child> => {
    const child = startChild("clickhouse-child.ts", [library, configFile, dataFolder], logFile);
    const isUp = await answers(options, child);
    if (isUp) return child;
    await child.end();
    throw new LocalFailure(`ClickHouse did not start on port ${port}:\n${await logTail(logFile)}`);
  };

  let child = await start();
  return {
    kill: () => child.end(),
    // It has no orderly end, and needs none: what it has confirmed is in its files.
    stop: () => child.end(),
    async restart() {
      await child.end();
      child = await start();
    },
  };
}

/** Asks with a password that only our own server knows: somebody else's on the same port is not taken for it. */
async function answers({ port, users, startMsMax }: ClickHouseOptions, child: Child): Promise<boolean> {
  const { user, password } = users.migrate;
  const deadline = systemClock.monotonicMs() + startMsMax;
  while (!child.hasEnded() && systemClock.monotonicMs() < deadline) {
    const reply = await fetch(`http://127.0.0.1:${port}/?query=SELECT%201`, {
      headers: { "X-ClickHouse-User": user, "X-ClickHouse-Key": password, Connection: "close" },
      signal: AbortSignal.timeout(startMsMax),
    }).catch(() => undefined);
    await reply?.body?.cancel();
    if (reply?.ok === true) return true;
    await systemClock.sleep(POLL_MS);
  }
  return false;
}
