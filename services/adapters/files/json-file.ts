import { readFileSync } from "node:fs";

export type JsonFile =
  | { readonly ok: true; readonly document: unknown }
  | { readonly ok: false; readonly problem: string };

/** A JSON file, or why it cannot be had. */
export function readJsonFile(path: string): JsonFile {
  try {
    return { ok: true, document: JSON.parse(readFileSync(path, "utf8")) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    const problem = error instanceof SyntaxError ? `is not JSON: ${error.message}` : `cannot be read${code}`;
    return { ok: false, problem };
  }
}
