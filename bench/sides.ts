// The three sides of the benchmark, each in a process of its own on the same broker and engine.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { ClickHouse } from "../services/adapters/clickhouse/client.ts";
import { systemClock } from "../services/adapters/clock/clock.ts";
import { environment } from "../services/adapters/config/start.ts";

export interface Figures {
  readonly seconds: number;
  /** User and system time of the process between start and end, seconds. */
  readonly cpuSeconds: number;
  /** Largest resident memory of the process, MiB. */
  readonly rssMib: number;
}

const NODE = ["--disable-warning=TimeoutNegativeWarning", "--disable-warning=ExperimentalWarning"];
const POLL_MS = 20;

/** Runs the processor as it is shipped, from taking over the partitions to the last committed row. */
export async function runProcessor(
  env: Record<string, string>,
  admin: ClickHouse,
  records: number,
): Promise<Figures> {
  const child = start("services/processor/main.ts", env, "stderr");
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  const began = new Promise<number>((resolve) => {
    lines.on("line", (line) => {
      if (line.includes('"took over"')) resolve(systemClock.monotonicMs());
      else if (/"level":(40|50|60)/.test(line)) process.stderr.write(`${line}\n`);
    });
  });
  const from = await Promise.race([began, failed(child)]);
  const cpuBefore = cpuSecondsOf(child.pid as number);
  for (;;) {
    const [row] = await admin.query<{ received: string }>("SELECT sum(received) AS received FROM batches");
    if (Number(row?.received) >= records) break;
    if (child.exitCode !== null) throw new Error(`the processor ended with ${child.exitCode}`);
    await systemClock.sleep(POLL_MS);
  }
  const seconds = (systemClock.monotonicMs() - from) / 1000;
  const figures = {
    seconds,
    cpuSeconds: cpuSecondsOf(child.pid as number) - cpuBefore,
    rssMib: peakRssMib(child.pid as number),
  };
  child.kill("SIGTERM");
  await once(child, "exit");
  return figures;
}

/** Runs bench/naive.ts, from joining the group to its last insert. */
export async function runNaive(env: Record<string, string>): Promise<Figures> {
  const child = start("bench/naive.ts", env, "stdout");
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  let from = 0;
  let cpuBefore = 0;
  const done = new Promise<Figures>((resolve) => {
    lines.on("line", (line) => {
      const said = JSON.parse(line) as { started?: true; done?: true };
      if (said.started) {
        from = systemClock.monotonicMs();
        cpuBefore = cpuSecondsOf(child.pid as number);
      } else {
        const seconds = (systemClock.monotonicMs() - from) / 1000;
        const pid = child.pid as number;
        resolve({ seconds, cpuSeconds: cpuSecondsOf(pid) - cpuBefore, rssMib: peakRssMib(pid) });
      }
    });
  });
  const figures = await Promise.race([done, failed(child)]);
  child.kill("SIGKILL");
  await once(child, "exit");
  return figures;
}

function start(file: string, env: Record<string, string>, read: "stdout" | "stderr"): ChildProcess {
  const stdio: ("ignore" | "pipe" | "inherit")[] = ["ignore", "inherit", "inherit"];
  stdio[read === "stdout" ? 1 : 2] = "pipe";
  const child = spawn(process.execPath, [...NODE, file], { stdio, env: { ...environment(), ...env } });
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, "exit")) as [number | null];
  throw new Error(`a side of the benchmark ended with ${code}`);
}

const CLOCK_TICKS_PER_SECOND = 100;

/** From /proc/<pid>/stat (proc(5)): fields 14 and 15, all threads. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

function peakRssMib(pid: number): number {
  const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(match?.[1]) / 1024);
}
