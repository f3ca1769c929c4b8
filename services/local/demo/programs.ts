// The programs of the demo: each a process of its own, as in production, that ends with this one.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { environment } from "../../adapters/config/start.ts";
import { NODE_FLAGS } from "../../adapters/lifecycle/node-flags.ts";
import { LocalFailure } from "../failure.ts";
import { PROJECT_ROOT, VIRTUAL_ENV } from "../paths.ts";

export type Environment = Readonly<Record<string, string>>;

const DIE_WITH_PARENT = fileURLToPath(new URL("../die-with-parent.ts", import.meta.url));
const LOG_LINES_KEPT = 20;

/** A service in the background, with the end of its log for the day it fails. */
export class Service {
  readonly process: ChildProcess;
  private readonly name: string;
  private readonly lines: string[] = [];

  constructor(name: string, entry: string, env: Environment) {
    this.name = name;
    this.process = fork(`${PROJECT_ROOT}${entry}`, [], {
      execArgv: [...NODE_FLAGS, "--import", DIE_WITH_PARENT],
      env: { ...environment(), ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      detached: true,
    });
    createInterface({ input: this.process.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      this.lines.push(line);
      if (this.lines.length > LOG_LINES_KEPT) this.lines.shift();
    });
  }

  /** @throws LocalFailure with the end of the log if the service has ended by itself */
  check(): void {
    const { exitCode, signalCode } = this.process;
    if (exitCode === null && signalCode === null) return;
    throw new LocalFailure(`${this.name} ended with ${exitCode ?? signalCode}:\n${this.lines.join("\n")}`);
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, "exit");
    this.process.kill(signal);
    await gone;
  }
}

/** Runs the probe's command line to its end; answers its standard output. `onProgress` gets each line it says meanwhile. */
export async function runProbe(args: readonly string[], onProgress: (line: string) => void): Promise<string> {
  const child = spawn(`${VIRTUAL_ENV}/bin/gpu-probe`, args, { stdio: ["ignore", "pipe", "pipe"] });
  return finish("gpu-probe", child, onProgress);
}

/** Runs one of our entry points to its end; answers its standard output. `accepted` exit codes are no failure. */
export async function runOnce(
  entry: string,
  args: readonly string[],
  env: Environment,
  accepted: readonly number[] = [0],
): Promise<string> {
  const child = spawn(process.execPath, [...NODE_FLAGS, `${PROJECT_ROOT}${entry}`, ...args], {
    env: { ...environment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return finish(entry, child, () => undefined, accepted);
}

async function finish(
  name: string,
  child: ChildProcess,
  onLine: (line: string) => void,
  accepted: readonly number[] = [0],
): Promise<string> {
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
    errors += `${line}\n`;
    onLine(line);
  });
  const [code] = (await once(child, "close")) as [number | null];
  process.off("exit", kill);
  if (code === null || !accepted.includes(code))
    throw new LocalFailure(`${name} ended with ${code}:\n${errors}${output}`);
  return output;
}
