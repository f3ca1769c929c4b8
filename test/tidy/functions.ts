import type { SourceFile } from "./source.ts";

const LINES_MAX = 70;

interface Language {
  readonly files: RegExp;
  /** Texts over several lines and lines of comment, in which the indentation means nothing. */
  readonly unindented: RegExp;
  /** A line that begins a function. */
  readonly start: RegExp;
  /** What ends the line that ends the parameters. */
  readonly opener: string;
}

const LANGUAGES: readonly Language[] = [
  {
    files: /^services\/.*\.ts$/,
    unindented: /(?!)/g,
    start:
      /\bfunction\b|=>(?: \{)?$|^(?!(?:if|for|while|switch|return|await|throw|super)\b)(?:[a-z]+ |\*)*#?[\w$]+(?:<.*>)?\(/,
    opener: "{",
  },
  {
    files: /^gpu-probe\/gpu_probe\/.*\.py$/,
    unindented: /"""[\s\S]*?"""|'''[\s\S]*?'''|^\s*#.*$/gm,
    start: /^(?:async )?def /,
    opener: ":",
  },
];

/** Parameters, blank lines and the line that ends it are counted; as the sources are formatted, indentation tells its end. */
export function longFunctions(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, code }) => {
    const language = LANGUAGES.find((candidate) => candidate.files.test(path));
    if (language === undefined) return [];
    return functionsOf(code, language)
      .filter(({ lines }) => lines > LINES_MAX)
      .map(
        ({ first, lines }) => `${path}:${first + 1} has a function of ${lines} lines: ${LINES_MAX} at most`,
      );
  });
}

function functionsOf(code: string, { unindented, start, opener }: Language) {
  const lines = code.replace(unindented, (text) => text.replace(/[^\n]/g, "")).split("\n");
  return lines.flatMap((line, first) => {
    if (!start.test(line.trim())) return [];
    const { last, hasBody } = extent(lines, first, opener);
    return hasBody ? [{ first, lines: last - first + 1 }] : [];
  });
}

/** How far what begins on a line goes: what is indented deeper, and the closing brackets below it. */
function extent(lines: readonly string[], first: number, opener: string) {
  let last = first;
  let hasBody = /(?:=>|[{:])$/.test(lines[first]?.trim() ?? "");
  for (let at = first + 1; at < lines.length; at++) {
    const text = lines[at]?.trim() ?? "";
    if (text === "") continue;
    const depth = indentOf(lines[at]) - indentOf(lines[first]);
    if (depth < 0 || (depth === 0 && !/^[)\]}]/.test(text))) break;
    last = at;
    if (depth > 0) continue;
    if (!text.endsWith(opener)) break;
    hasBody = true;
  }
  return { last, hasBody };
}

function indentOf(line = ""): number {
  return line.length - line.trimStart().length;
}
