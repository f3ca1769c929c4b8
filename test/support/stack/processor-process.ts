// The processor as it is run: a process of its own, seen through its log, its exit code and its metrics.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "../checks/eventually.ts";
import { CHILD_ENV } from "./child-env.ts";

const MAIN = fileURLToPath(new URL("../../../services/processor/main.ts", import.meta.url));

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export type Environment = Readonly<Record<string, string>>;

const running = new Set<ProcessorProcess>();

/** To be called after each test: nothing is left running, whatever became of the test. */
export async function killProcessors(): Promise<void> {
  await Promise.all([...running].map((processor) => processor.kill()));
}

export class ProcessorProcess {
  readonly lines: LogLine[] = [];
  /** What was written that is no log line. */
  stderr = "";
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor(environment: Environment) {
    // what kafkajs does on Node 24 is known, and not the operator's business
    this.child = spawn(process.execPath, ["--disable-warning=TimeoutNegativeWarning", MAIN], {
      env: { ...CHILD_ENV, METERHOUSE_METRICS_PORT: "0", ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    running.add(this);
    this.ended = once(this.child, "close").then(([code]) => {
      running.delete(this);
      return code as number | null;
    });
    let rest = "";
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.read(line);
    });
  }

  /** Exit code once the process has ended, null if a signal killed it. */
  async exit(): Promise<number | null> {
    return this.ended;
  }

  /** Ended by itself, and not well. */
  hasFailed(): boolean {
    return this.child.exitCode !== null && this.child.exitCode !== 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** Ends it in order. */
  async stop(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.ended;
  }

  /** Resolves with the log line as soon as one has this message; `after` counts those to skip. */
  async says(message: string | RegExp, { after = 0, withinMs = 30_000 } = {}): Promise<LogLine> {
    const find = () => this.lines.filter(({ msg }) => msg.match(message) !== null)[after];
    return eventually(
      `the processor says ${String(message)}`,
      () => {
        if (this.child.exitCode !== null && find() === undefined) {
          throw new Error(`the processor ended with ${this.child.exitCode}\n${this.tail()}`);
        }
        return find();
      },
      { withinMs },
    );
  }

  saidTimes(message: string | RegExp): number {
    return this.lines.filter(({ msg }) => msg.match(message) !== null).length;
  }

  tail(): string {
    return [this.stderr, ...this.lines.slice(-20).map((line) => JSON.stringify(line))].join("\n");
  }

  private read(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as LogLine);
    } catch {
      this.stderr += `${line}\n`;
    }
  }
}
