// A copy of the tree in which a safeguard can be switched off while nobody else's tree changes.
import { cpSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT, STATE_FOLDER, VIRTUAL_ENV } from "../../services/local/paths.ts";
import type { Patch } from "./mutant.ts";
import { applyPatch } from "./patch.ts";

/** What the tests of the list read. */
const COPIED = [
  "clickhouse",
  "docs/price-books",
  "gpu-probe/pyproject.toml",
  "package.json",
  "schemas",
  "services",
  "test",
  "tsconfig.json",
  "vitest.config.ts",
];

/** The copy uses what set-up made for the original; anywhere else it would be made anew. */
export const LOANS: readonly Patch[] = [
  {
    file: "services/local/paths.ts",
    text: 'fileURLToPath(new URL("../../.meterhouse", import.meta.url))',
    replacement: JSON.stringify(STATE_FOLDER),
  },
  {
    file: "services/local/paths.ts",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source
    text: "`${PROJECT_ROOT}.venv`",
    replacement: JSON.stringify(VIRTUAL_ENV),
  },
];

/** The folder of a new copy. */
export function copyOfTree(): string {
  const folder = mkdtempSync(join(tmpdir(), "meterhouse-mutants-"));
  for (const path of COPIED) cpSync(join(PROJECT_ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(folder, "node_modules"));
  for (const loan of LOANS) applyPatch(folder, loan);
  return folder;
}
