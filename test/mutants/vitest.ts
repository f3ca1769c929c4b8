import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import type { Mutant, TestName } from "./mutant.ts";

export interface TestOutcome {
  readonly status: "passed" | "failed" | "not run";
  /** What the test said, or vitest where it ran none. */
  readonly message: string;
}

/** What vitest's JSON says, as far as it is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** Runs these tests, and no others of their files, in a copy of the tree; one outcome for each. */
export async function runTests(root: string, tests: readonly TestName[]): Promise<TestOutcome[]> {
  const reportFile = join(root, "report.json");
  rmSync(reportFile, { force: true });
  const files = [...new Set(tests.map(({ file }) => file))];
  const names = [...new Set(tests.map(fullName))].map((name) =>
    name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"),
  );
  const output = await vitest(root, [
    ...files,
    ...[...new Set(files.map(project))].flatMap((name) => ["--project", name]),
    `--testNamePattern=^(?:${names.join("|")})$`,
    "--reporter=json",
    `--outputFile.json=${reportFile}`,
  ]);
  const report = readReport(reportFile);
  return tests.map((test) => outcomeOf(test, root, report) ?? { status: "not run", message: output });
}

/** A test that fails for another reason has not caught the mutant: the patch may be at fault. */
export function isCaught({ failure }: Pick<Mutant, "failure">, { status, message }: TestOutcome): boolean {
  return status === "failed" && message.includes(failure);
}

function project(file: string): "unit" | "stack" {
  return /^test\/(contract|integration|walkthrough)\//.test(file) ? "stack" : "unit";
}

/** As vitest writes it, and matches `-t` against it. */
export function fullName({ suite, title }: TestName): string {
  return suite === "" ? title : `${suite} > ${title}`;
}

function outcomeOf(test: TestName, root: string, report: VitestReport | null): TestOutcome | null {
  const file = report?.testResults.find(({ name }) => relative(root, name) === test.file);
  const result = file?.assertionResults.find(
    ({ ancestorTitles, title }) => [...ancestorTitles, title].join(" > ") === fullName(test),
  );
  if (result?.status !== "passed" && result?.status !== "failed") return null;
  return { status: result.status, message: (result.failureMessages ?? []).join("\n") };
}

/** Null where vitest broke down before its report. */
function readReport(file: string): VitestReport | null {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

function vitest(root: string, args: readonly string[]): Promise<string> {
  const child = spawn("vitest", ["run", ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve(output));
  });
}
