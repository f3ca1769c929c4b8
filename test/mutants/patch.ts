import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Patch } from "./mutant.ts";

/**
 * A file's text with the patch in it.
 * @throws Error where the text that it replaces is not there exactly once
 */
export function patched(root: string, { file, text, replacement }: Patch): string {
  const parts = readFileSync(join(root, file), "utf8").split(text);
  if (parts.length !== 2) {
    const times = `${parts.length - 1} times`;
    throw new Error(
      `${file}: ${JSON.stringify(text)} is there ${times}, not once; correct test/mutants/list.ts`,
    );
  }
  return parts.join(replacement);
}

/** @returns what takes the patch out again */
export function applyPatch(root: string, patch: Patch): () => void {
  const path = join(root, patch.file);
  const before = readFileSync(path, "utf8");
  writeFileSync(path, patched(root, patch));
  return () => writeFileSync(path, before);
}
