import { spawn } from "node:child_process";
import { constants } from "node:os";
import { NODE_FLAGS } from "../adapters/lifecycle/node-flags.ts";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const SIGNAL_EXIT_BASE = 128;

/**
 * Runs a TypeScript file as a process of its own, on the same Node and the same terminal, and resolves with its exit
 * code (128 + the signal's number if a signal ended it). Signals to this process are passed on to it.
 */
export function runAsProcess(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...NODE_FLAGS, file, ...args], { stdio: "inherit" });
  const forwarders = FORWARDED.map((signal) => [signal, () => child.kill(signal)] as const);
  for (const [signal, forward] of forwarders) process.on(signal, forward);
  return new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      resolve(code ?? SIGNAL_EXIT_BASE + (signal === null ? 0 : constants.signals[signal]));
    });
  }).finally(() => {
    for (const [signal, forward] of forwarders) process.off(signal, forward);
  });
}
