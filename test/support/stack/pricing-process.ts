// The pricing service as it is run: a process of its own over a database and a topic of the caller's.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { NODE_FLAGS } from "../../../services/adapters/lifecycle/node-flags.ts";
import { CHILD_ENV } from "./child-env.ts";

const MAIN = "services/api/main.ts";

export interface PricingProcess {
  readonly url: string;
  /** Every line of its log so far. */
  readonly lines: readonly string[];
  /** Ends it in order; its exit code and signal. */
  stop(): Promise<unknown[]>;
}

export async function startPricing(env: Readonly<Record<string, string>>): Promise<PricingProcess> {
  const server = spawn(process.execPath, [...NODE_FLAGS, MAIN], {
    env: { ...CHILD_ENV, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(server, "exit");
  const lines: string[] = [];
  const port = Promise.withResolvers<number>();
  createInterface({ input: server.stderr }).on("line", (line) => {
    lines.push(line);
    const said = JSON.parse(line) as { msg: string; port?: number };
    if (said.msg === "the API answers") port.resolve(said.port ?? 0);
  });
  void ended.then(() => port.reject(new Error(`the API has ended:\n${lines.join("\n")}`)));
  return {
    url: `http://127.0.0.1:${await port.promise}`,
    lines,
    async stop() {
      server.kill("SIGTERM");
      return ended;
    },
  };
}
