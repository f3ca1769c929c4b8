// npm run mutants [-- --json] [-- NAME ...]: switches safeguards off, one at a time, in a copy of the tree, and says which test
// fails then. Exits with 1 if none does.
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { setUp } from "../../services/local/setup.ts";
import { copyOfTree } from "./copy.ts";
import { MUTANTS } from "./list.ts";
import type { Mutant } from "./mutant.ts";
import { applyPatch } from "./patch.ts";
import { fullName, isCaught, runTests } from "./vitest.ts";

const INTERRUPTED = 130;

interface Verdict {
  readonly name: string;
  /** The file and the name of the test that failed; null if the mutant survived. */
  readonly caught_by: string | null;
}

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});

process.exitCode = await main(positionals);

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown.length > 0) {
    say(`no such mutant: ${unknown.join(", ")}; there are: ${MUTANTS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name));
  await setUp(say);
  const root = copyOfTree();
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  process.once("SIGINT", () => process.exit(INTERRUPTED));
  if (!(await passWithout(root, chosen))) return 1;
  const verdicts: Verdict[] = [];
  for (const mutant of chosen) verdicts.push(await verdictOn(root, mutant));
  return report(verdicts);
}

/** A test that fails anyway catches nothing, so each must pass first. */
async function passWithout(root: string, mutants: readonly Mutant[]): Promise<boolean> {
  const outcomes = await runTests(
    root,
    mutants.map(({ test }) => test),
  );
  const failing = mutants.filter((_mutant, index) => outcomes[index]?.status !== "passed");
  for (const mutant of failing) {
    const outcome = outcomes[mutants.indexOf(mutant)];
    say(`${testOf(mutant)}: ${outcome?.status} with every safeguard on\n${outcome?.message}`);
  }
  return failing.length === 0;
}

async function verdictOn(root: string, mutant: Mutant): Promise<Verdict> {
  const undo = applyPatch(root, mutant.patch);
  try {
    const [outcome] = await runTests(root, [mutant.test]);
    if (outcome !== undefined && isCaught(mutant, outcome)) {
      say(`caught: ${mutant.name}`);
      return { name: mutant.name, caught_by: testOf(mutant) };
    }
    say(`SURVIVED: ${mutant.name}: ${mutant.why}`);
    say(
      `${testOf(mutant)}: ${outcome?.status}, and not with ${JSON.stringify(mutant.failure)}\n${outcome?.message}`,
    );
    return { name: mutant.name, caught_by: null };
  } finally {
    undo();
  }
}

function testOf({ test }: Mutant): string {
  return `${test.file}: ${fullName(test)}`;
}

function report(mutants: readonly Verdict[]): number {
  const width = Math.max(...mutants.map(({ name }) => name.length));
  for (const { name, caught_by } of mutants) {
    process.stdout.write(`${name.padEnd(width)}  ${caught_by ?? "SURVIVED"}\n`);
  }
  const survived = mutants.filter(({ caught_by }) => caught_by === null).length;
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ mutants, survived })}\n`
      : `${mutants.length} mutants, ${survived} survived\n`,
  );
  return survived === 0 ? 0 : 1;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
