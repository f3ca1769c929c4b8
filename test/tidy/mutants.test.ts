import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../../services/local/paths.ts";
import { LOANS } from "../mutants/copy.ts";
import { MUTANTS } from "../mutants/list.ts";
import { SAFEGUARDS } from "../mutants/mutant.ts";
import { patched } from "../mutants/patch.ts";
import { isCaught } from "../mutants/vitest.ts";

it.each([...LOANS, ...MUTANTS.map(({ patch }) => patch)])("a patch of $file fits: $text", (patch) => {
  expect(patched(PROJECT_ROOT, patch)).toContain(patch.replacement);
});

it.each(MUTANTS)("the test that catches $name is there", ({ test }) => {
  expect(readFileSync(join(PROJECT_ROOT, test.file), "utf8")).toContain(`"${test.title}"`);
});

it("every safeguard has a mutant, and every mutant a name of its own", () => {
  expect(new Set(MUTANTS.map(({ safeguard }) => safeguard))).toEqual(new Set(SAFEGUARDS));
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

it.each(["readonly ", "no such text"])("a text that is not there once is no place: %s", (text) => {
  const patch = { file: "test/mutants/mutant.ts", text, replacement: "" };
  expect(() => patched(PROJECT_ROOT, patch)).toThrow(/^test\/mutants\/mutant\.ts: .* times, not once/);
});

it("every guard of a query has a mutant", () => {
  const guards = globSync("clickhouse/queries/*.sql", { cwd: PROJECT_ROOT }).flatMap((file) => {
    const codes = readFileSync(join(PROJECT_ROOT, file), "utf8").matchAll(/'(METERHOUSE_\w+)'/g);
    return [...codes].map(([, code]) => `${file} ${code}`);
  });
  const off = MUTANTS.map(({ patch }) => `${patch.file} ${/'(METERHOUSE_\w+)'/.exec(patch.text)?.[1]}`);
  expect(guards).not.toEqual([]);
  expect(guards.filter((guard) => !off.includes(guard))).toEqual([]);
});

it("a mutant is caught by a test that fails as it should, and by nothing else", () => {
  const mutant = { failure: "resolved instead of rejecting" };
  const says = (message: string) => isCaught(mutant, { status: "failed", message });
  expect(says("AssertionError: promise resolved instead of rejecting")).toBe(true);
  expect(says("ClickHouseFailure: syntax error")).toBe(false);
  for (const status of ["passed", "not run"] as const) {
    expect(isCaught(mutant, { status, message: mutant.failure })).toBe(false);
  }
});
