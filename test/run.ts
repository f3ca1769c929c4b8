import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const folder = mkdtempSync(join(tmpdir(), "meterhouse-test-"));
const vitestReport = join(folder, "vitest.json");
const NONE: Counts = { passed: 0, failed: 0 };
const SLOWEST = 10;

/** What vitest's JSON says, as far as it is read here; times in milliseconds. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
  }[];
}

// Where the time goes is printed too: the whole is meant to take less than ten minutes.

/** Every check there is, the quick ones first; the first that fails ends the run. */
const STEPS: readonly { name: string; command: readonly string[]; count: (output: string) => Counts }[] = [
  { name: "lint", command: ["npm", "run", "--silent", "lint"], count: () => NONE },
  { name: "types", command: ["npm", "run", "--silent", "typecheck"], count: () => NONE },
  {
    name: "vitest",
    command: ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`],
    count: () => {
      const report: VitestReport = JSON.parse(readFileSync(vitestReport, "utf8"));
      slowest = slowestFiles(report);
      return { passed: report.numPassedTests, failed: report.numFailedTests };
    },
  },
  {
    name: "pytest",
    command: ["node", "services/local/pytest.ts"],
    count: (output) => ({ passed: summary(output, "passed"), failed: summary(output, "failed") }),
  },
];

let total = NONE;
let slowest: readonly string[] = [];
const durations: string[] = [];
try {
  for (const { name, command, count } of STEPS) {
    process.stdout.write(`== ${name}\n`);
    const startedMs = performance.now();
    const { code, output } = await run(command);
    durations.push(line(performance.now() - startedMs, name));
    if (code !== 0) process.exitCode = 1;
    const { passed, failed } = countOrNone(() => count(output));
    total = { passed: total.passed + passed, failed: total.failed + failed };
    if (code !== 0) {
      process.stdout.write(`${name} failed; what comes after it was not run\n`);
      break;
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.stdout.write(["== time by step", ...durations, "== slowest test files", ...slowest, ""].join("\n"));
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);

function slowestFiles({ testResults }: VitestReport): string[] {
  return testResults
    .map(({ name, startTime, endTime }) => ({ name, ms: endTime - startTime }))
    .toSorted((left, right) => right.ms - left.ms)
    .slice(0, SLOWEST)
    .map(({ name, ms }) => line(ms, relative(process.cwd(), name)));
}

function line(ms: number, name: string): string {
  return `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}`;
}

/** Runs a command, passes its output on, and returns it too. */
function run([program = "", ...args]: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** A step that broke down before its report was written has counted nothing. */
function countOrNone(count: () => Counts): Counts {
  try {
    return count();
  } catch {
    return NONE;
  }
}

/** The number before a word in pytest's last line, such as `3 failed, 120 passed in 4.21s`. */
function summary(output: string, word: string): number {
  const lastLine = output.trimEnd().split("\n").at(-1) ?? "";
  return Number(new RegExp(`(\\d+) ${word}`).exec(lastLine)?.[1] ?? 0);
}
