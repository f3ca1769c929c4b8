import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../../services/local/paths.ts";
import { LOANS } from "../mutants/copy.ts";
import { MUTANTS, SAFEGUARDS } from "../mutants/list.ts";
import { patched } from "../mutants/patch.ts";

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

it.each(["export const ", "no such text, ".repeat(2)])(
  "a text that is not there once is no place: %s",
  (text) => {
    const patch = { file: "test/mutants/list.ts", text, replacement: "" };
    expect(() => patched(PROJECT_ROOT, patch)).toThrow(/^test\/mutants\/list\.ts: .* times, not once/);
  },
);
