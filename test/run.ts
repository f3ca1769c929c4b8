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

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly count: (output: string) => Counts;
}

const LINT: Step = { name: "lint", command: ["npm", "run", "--silent", "lint"], count: () => NONE };
const TYPES: Step = { name: "types", command: ["npm", "run", "--silent", "typecheck"], count: () => NONE };
const VITEST: Step = {
  name: "vitest",
  command: ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`],
  count: () => {
    const report: VitestReport = JSON.parse(readFileSync(vitestReport, "utf8"));
    slowest = slowestFiles(report);
    return { passed: report.numPassedTests, failed: report.numFailedTests };
  },
};
const PYTEST: Step = {
  name: "pytest",
  command: ["node", "services/local/pytest.ts"],
  count: (output) => ({ passed: summary(output, "passed"), failed: summary(output, "failed") }),
};

/** Every check there is, the quick ones first; a stage that fails is the last. Tests wait a lot, so both kinds go together. */
const STAGES: readonly (readonly Step[])[] = [[LINT], [TYPES], [VITEST, PYTEST]];

let total = NONE;
let slowest: readonly string[] = [];
const durations: string[] = [];
try {
  for (const stage of STAGES) {
    const runs = stage.map((step, i) => ({ step, run: run(step, i === 0) }));
    for (const { step, run } of runs) report(step, await run);
    if (process.exitCode !== undefined) break;
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

interface Run {
  readonly code: number;
  readonly output: string;
  readonly ms: number;
  /** Its output was passed on while it ran. */
  readonly isPrinted: boolean;
}

/** Runs a step's command and returns its output; passes it on meanwhile if `isPrinted`, so that no two are mixed. */
function run({ name, command: [program = "", ...args] }: Step, isPrinted: boolean): Promise<Run> {
  const startedMs = performance.now();
  if (isPrinted) process.stdout.write(`== ${name}\n`);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (isPrinted) process.stdout.write(text);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      resolve({ code: code ?? 1, output, ms: performance.now() - startedMs, isPrinted }),
    );
  });
}

function report({ name, count }: Step, { code, output, ms, isPrinted }: Run): void {
  if (!isPrinted) process.stdout.write(`== ${name}\n${output}`);
  durations.push(line(ms, name));
  const { passed, failed } = countOrNone(() => count(output));
  total = { passed: total.passed + passed, failed: total.failed + failed };
  if (code === 0) return;
  process.exitCode = 1;
  process.stdout.write(`${name} failed; later steps are left out\n`);
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
