import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A file of the repository. */
export interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** TypeScript only: the text without comments and without the contents of strings; the lines stay where they are. */
  readonly code: string;
}

const ROOT = join(import.meta.dirname, "../..");
const BINARY = /\.(gz|png|avro|bin)$/;

const SKIPPED =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=(?:[=(,:[!&|?{};\n]|=>|return)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*/g;

/** Every text file that git knows or would add. */
export function repositoryFiles(): SourceFile[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const listed = execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).split("\0");
  return listed.filter((path) => path !== "" && !BINARY.test(path)).flatMap(readIfThere);
}

/** What a check finds in files that a test gives as names and texts. */
export function faults(
  check: (files: readonly SourceFile[]) => string[],
  files: Readonly<Record<string, string>>,
): string[] {
  return check(Object.entries(files).map(([path, text]) => sourceFile(path, text)));
}

function sourceFile(path: string, text: string): SourceFile {
  return { path, text, code: path.endsWith(".ts") ? codeOf(text) : text };
}

export function services(files: readonly SourceFile[]): SourceFile[] {
  return typescript(files).filter(({ path }) => path.startsWith("services/"));
}

export function typescript(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.endsWith(".ts"));
}

export function markdown(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.endsWith(".md"));
}

/** What a TypeScript file imports, as written. */
export function importsOf(text: string): string[] {
  const statements = text.matchAll(
    /^(?:import|export)\b[^;"']*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return [...statements].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function readIfThere(path: string): SourceFile[] {
  try {
    return [sourceFile(path, readFileSync(join(ROOT, path), "utf8"))];
  } catch {
    // Deleted, but not yet from git's list.
    return [];
  }
}

function codeOf(text: string): string {
  return text.replace(SKIPPED, (token) => {
    if (token.startsWith("`")) return [...token.matchAll(/\$\{([^}]*)\}|\n/g)].map(([all]) => all).join(" ");
    const lines = token.replace(/[^\n]/g, "");
    return token.startsWith("/") ? ` ${lines}` : '""';
  });
}
