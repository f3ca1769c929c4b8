import { posix } from "node:path";
import { BANS } from "./rules.ts";
import { markdown, type SourceFile, services, typescript } from "./source.ts";

// Each check returns sentences, one a fault; none means tidy.

const LINES_MAX = 400;
const MEASURED = /\.(ts|py|sql)$/;

export function bannedCalls(files: readonly SourceFile[]): string[] {
  return services(files).flatMap(({ path, code }) =>
    BANS.filter(({ within, home }) => within.test(path) && !home?.test(path)).flatMap(({ call, instead }) =>
      code
        .split("\n")
        .flatMap((line, index) =>
          call.test(line) ? [`${path}:${index + 1} has ${call.exec(line)?.[0]}: use ${instead}`] : [],
        ),
    ),
  );
}

export function longFiles(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => MEASURED.test(path))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path} has ${lines} lines: split it (${LINES_MAX} at most, 300 is better)`);
}

/** A TypeScript file lives if it is a test or a configuration, or if another file names it. */
export function deadFiles(files: readonly SourceFile[]): string[] {
  const candidates = typescript(files).filter(({ path }) => !/\.(test|config)\.ts$/.test(path));
  return candidates
    .filter(({ path }) => {
      const mention = new RegExp(`["'/ ]${escaped(posix.basename(path))}\\b`);
      const isMain = posix.basename(path) === "main.ts";
      const needle = isMain ? new RegExp(escaped(path)) : mention;
      return !files.some((other) => other.path !== path && isSource(other.path) && needle.test(other.text));
    })
    .map(({ path }) => `${path} is named by no other file: delete it`);
}

/** An exported value is used elsewhere; an exported type is, or appears in its own file's signatures. */
export function deadExports(files: readonly SourceFile[]): string[] {
  const sources = typescript(files);
  return sources
    .filter(({ path }) => !path.endsWith(".config.ts") && !isImportedWhole(path, sources))
    .flatMap(({ path, code }) =>
      exportedNames(code)
        .filter(({ name, isType }) => {
          const word = new RegExp(`(?<![\\w$])${escaped(name)}(?![\\w$])`, "g");
          const isUsedHere = isType && (code.match(word)?.length ?? 0) > 1;
          const isUsed = (code: string) => code.includes(name) && code.search(word) >= 0;
          return !isUsedHere && !sources.some((other) => other.path !== path && isUsed(other.code));
        })
        .map(({ name }) => `${path} exports ${name}, which no other file uses`),
    );
}

export function leftovers(files: readonly SourceFile[]): string[] {
  const marks = /\b(FIXME|TODO|XXX)\b|\b(it|test|describe)\.(skip|only|todo)\b|@pytest\.mark\.skip\b/;
  return authored(files).flatMap(({ path, text }) =>
    numbered(text, marks).map(([line, found]) => `${path}:${line} has ${found}: finish it or file an issue`),
  );
}

/** Paths that exist on one person's machine only. */
export function machinePaths(files: readonly SourceFile[]): string[] {
  const somebodys =
    /(?<![\w.$}/])\/(?:home\/[a-z]|Users\/[A-Za-z]|root\/|work\/)[^\s"'`)]*|\b[A-Z]:\\\\?Users/;
  return authored(files).flatMap(({ path, text }) =>
    numbered(text, somebodys).map(([line, found]) => `${path}:${line} has ${found}: a path of one machine`),
  );
}

export function markdownHeadings(files: readonly SourceFile[]): string[] {
  return markdown(files)
    .map(({ path, text }) => ({ path, count: prose(text).match(/^# /gm)?.length ?? 0 }))
    .filter(({ count }) => count !== 1)
    .map(({ path, count }) => `${path} has ${count} headings of the first level instead of 1`);
}

export function markdownLinks(files: readonly SourceFile[]): string[] {
  const known = new Set(files.flatMap(({ path }) => [path, ...foldersOf(path)]));
  return markdown(files).flatMap(({ path, text }) =>
    [...prose(text).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
      .map((match) => match[1] ?? "")
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => [target, posix.join(posix.dirname(path), target).replace(/\/$/, "")] as const)
      .filter(([, resolved]) => !known.has(resolved))
      .map(([target]) => `${path} links to ${target}, which is not there`),
  );
}

/** Every folder right under services/ tells what it owns. */
export function missingReadmes(files: readonly SourceFile[]): string[] {
  const folders = new Set(services(files).map(({ path }) => path.split("/").slice(0, 2).join("/")));
  return [...folders]
    .filter((folder) => !files.some(({ path }) => path === `${folder}/README.md`))
    .map((folder) => `${folder} has no README.md`);
}

/** A README with a table of folders has a row for each of its own, and for no other. */
export function folderTables(files: readonly SourceFile[]): string[] {
  return markdown(files).flatMap(({ path, text }) => {
    const [table] = /^\| Folder \|[^\n]*\n(?:\|.*\n?)+/m.exec(text) ?? [];
    if (table === undefined) return [];
    const rows = [...table.matchAll(/^\| `([^`]+)\/` \|/gm)].map(([, name = ""]) => name);
    const here = posix.dirname(path);
    const folders = new Set(
      files.flatMap((file) => {
        const [name, inside] = posix.relative(here, file.path).split("/");
        return name === undefined || name === ".." || inside === undefined ? [] : [name];
      }),
    );
    return [
      ...[...folders].filter((name) => !rows.includes(name)).map((name) => `${path} has no row for ${name}/`),
      ...rows.filter((name) => !folders.has(name)).map((name) => `${path} has a row for ${name}/, not there`),
    ];
  });
}

function isImportedWhole(path: string, sources: readonly SourceFile[]): boolean {
  const pattern = new RegExp(`\\* as \\w+ from "[^"]*/${escaped(posix.basename(path))}"`);
  return sources.some(({ text }) => pattern.test(text));
}

/** Written by people of this project, and not about these very checks. */
function authored(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => !/^(package-lock\.json|LICENSE|test\/tidy)/.test(path));
}

function isSource(path: string): boolean {
  return !path.endsWith(".md") && path !== "package-lock.json";
}

function prose(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").replace(/`[^`\n]*`/g, "");
}

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function exportedNames(code: string): { name: string; isType: boolean }[] {
  const pattern = /^export (?:async )?(const|let|function\*?|class|interface|type) ([\w$]+)/gm;
  return [...code.matchAll(pattern)].map(([, kind, name = ""]) => ({
    name,
    isType: kind === "interface" || kind === "type",
  }));
}

function numbered(text: string, pattern: RegExp): [number, string][] {
  return text.split("\n").flatMap((line, index): [number, string][] => {
    const found = pattern.exec(line)?.[0];
    return found === undefined ? [] : [[index + 1, found]];
  });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
