import { describe, expect, it } from "vitest";
import * as checks from "./checks.ts";
import { longFunctions } from "./functions.ts";
import { faults } from "./source.ts";

describe("banned calls", () => {
  it.each([
    ["services/processor/x.ts", "const t = Date.now();"],
    ["services/processor/x.ts", "const t = new Date( );"],
    ["services/processor/x.ts", "const t = `at \u0024{Date.now()}`;"],
    ["services/processor/x.ts", 'console.log("hello");'],
    ["services/processor/x.ts", "const home = process.env.HOME;"],
    ["services/processor/x.ts", "const isQuoted = /[\"']/.test(x) ? Math.random() : 0;"],
    ["services/domain/rating/x.ts", "const rate = parseFloat(text);"],
    ["services/domain/rating/x.ts", "const shown = amount.toFixed(2);"],
    ["services/domain/rating/x.ts", "const amount = hours * 2.5;"],
    ["services/domain/window/x.ts", "const part = Number(event.gpu_time_ns);"],
    ["services/domain/window/x.ts", "export async function split() {}"],
    ["services/domain/event/x.ts", 'const bytes = Buffer.from("x");'],
    ["services/domain/insight/x.ts", "const half = 0.5;"],
    ["services/billing/contracts/x.ts", 'return problem("CONTRACT_OVER");'],
    ["services/billing/contracts/x.ts", "function end(): Changed | Problem {}"],
    ["services/billing/access/x.ts", "if (isProblem(answer)) return answer;"],
    ["services/billing/access/x.ts", "return { status: 404 };"],
    ["services/domain/ports/x.ts", "readonly statusCode: number;"],
  ])("%s must not have: %s", (path, text) => {
    expect(faults(checks.bannedCalls, { [path]: text })).toHaveLength(1);
  });

  it.each([
    ["services/adapters/clock/x.ts", "const t = Date.now();"],
    ["services/processor/x.ts", "// Date.now() would jump.\nconst name = 'Date.now()';"],
    ["services/processor/x.ts", "const t = new Date(startedMs);"],
    ["services/domain/dedupe/x.ts", "const FILL_MAX = 0.8;"],
    ["services/domain/closing/x.ts", "interface Port { read(): Promise<void> }"],
    ["services/domain/window/x.ts", "const slices = 1_000n; const last = list[1]; const range = x.y.z;"],
    ["services/billing/contracts/x.ts", 'return { ok: false, problem: said, status: "open" };'],
    ["services/billing/contracts/x.ts", "// A Problem with statusCode 404\nconst seats = 404;"],
    ["services/api/routes/x.ts", 'return problem("API_NOT_FOUND");'],
    ["bench/x.ts", "const t = performance.now(); console.log(t);"],
  ])("%s may have: %s", (path, text) => {
    expect(faults(checks.bannedCalls, { [path]: text })).toEqual([]);
  });

  it("are reported with their line and what to use", () => {
    const text = "/* one\n   two */\nconst t = Date.now();";
    expect(faults(checks.bannedCalls, { "services/processor/x.ts": text })).toEqual([
      "services/processor/x.ts:3 has Date.now(: use Clock.nowMs()",
    ]);
  });
});

it("files have at most 400 lines", () => {
  const files = { "a.ts": "x\n".repeat(401), "b.py": "x\n".repeat(400), "c.md": "x\n".repeat(500) };
  expect(faults(checks.longFiles, files)).toEqual([expect.stringContaining("a.ts has 401 lines")]);
});

describe("functions have at most 70 lines", () => {
  const body = (lines: number, indent = "  ") => `${indent}work();\n`.repeat(lines);

  it.each([
    ["function", "services/x.ts", `export function a(): void {\n${body(68)}}\n`, 70],
    ["parameters", "services/x.ts", `function a(\n  b: string,\n): void {\n${body(67)}}\n`, 71],
    ["parameters in braces", "services/x.ts", `function a({\n  b,\n}: B): void {\n${body(67)}}\n`, 71],
    ["blank lines and comments", "services/x.ts", `function a() {\n\n  // b\n${body(67)}}\n`, 71],
    ["arrow", "services/x.ts", `const a = async () => {\n${body(69)}};\n`, 71],
    ["arrow without braces", "services/x.ts", `const a = () =>\n  b(\n${body(68, "    ")}  );\n`, 71],
    ["callback", "services/x.ts", `  a(\n    1,\n    (b) => {\n${body(69, "      ")}    },\n  );\n`, 71],
    ["method", "services/x.ts", `class A {\n  async #b<C>(c: C) {\n${body(69, "    ")}  }\n}\n`, 71],
    ["accessor", "services/x.ts", `class A {\n  get b() {\n${body(69, "    ")}  }\n}\n`, 71],
    ["Python", "gpu-probe/gpu_probe/x.py", `def a(\n    b,\n):\n${body(68)}\n\nc = 1\n`, 71],
    ["text", "gpu-probe/gpu_probe/x.py", `def a():\n    b = """\nc\n"""\n# d\n${body(66)}\ne = 1\n`, 71],
    [
      "method in Python",
      "gpu-probe/gpu_probe/x.py",
      `class A:\n    async def b(self):\n${body(70, "        ")}`,
      71,
    ],
  ])("%s", (_what, path, text, lines) => {
    const found = [expect.stringContaining(`has a function of ${lines} lines`)];
    expect(faults(longFunctions, { [path]: text })).toEqual(lines > 70 ? found : []);
  });

  it.each([
    ["a call", `describe(\n${body(80)});\n`],
    ["a class", `class A {\n${body(80)}}\n`],
    ["a branch", `if (a(b)) {\n${body(80)}}\n`],
    ["a loop", `for (const a of b()) {\n${body(80)}} \n`],
    ["functions below each other", `function a() {\n${body(50)}}\nfunction b() {\n${body(50)}}\n`],
  ])("%s is none", (_what, text) => {
    expect(faults(longFunctions, { "services/x.ts": text })).toEqual([]);
  });
});

it("files and exports that nobody uses are dead", () => {
  const files = {
    "services/a/main.ts": 'import { used } from "./used.ts";\nused();',
    "services/a/used.ts":
      "export function used(): Shape {}\nexport interface Shape {}\nexport const spare = 1;",
    "services/a/orphan.ts": "const x = 1;",
    "services/a/child.ts": "const x = 1;",
    "services/a/start.test.ts": 'spawn("services/a/main.ts"); spawn("child.ts");',
  };
  expect(faults(checks.deadFiles, files)).toEqual([expect.stringContaining("services/a/orphan.ts")]);
  expect(faults(checks.deadExports, files)).toEqual([
    "services/a/used.ts exports spare, which no other file uses",
  ]);
});

it("leftovers are found", () => {
  const files = {
    "a.ts": "// TODO later",
    "b.test.ts": "it.skip('x', () => {});",
    "c.ts": "const todo = emit.skip;",
  };
  expect(faults(checks.leftovers, files)).toHaveLength(2);
});

it("paths of one machine are found, paths of a container are not", () => {
  const files = {
    "a.ts": 'const x = "/home/ann/x";',
    "b.md": "see /Users/ann",
    "c.yml": "/var/lib/kafka /run/secrets/x",
  };
  expect(faults(checks.machinePaths, files)).toHaveLength(2);
});

it("markdown has one title and links that lead somewhere", () => {
  const files = {
    "README.md":
      "# A\n\n[b](docs/b.md) [folder](docs/) [web](https://example.org) [gone](c.md)\n\n```\n# no title\n```\n",
    "docs/b.md": "# A\n# B\n[up](../README.md#a)",
  };
  expect(faults(checks.markdownHeadings, files)).toEqual([expect.stringContaining("docs/b.md has 2")]);
  expect(faults(checks.markdownLinks, files)).toEqual(["README.md links to c.md, which is not there"]);
});

it("a table of folders has the folders that are there", () => {
  const table = "# A\n\n| Folder | Owns |\n| --- | --- |\n| `a/` | a |\n| `gone/` | b |\n\n| `c/` |\n";
  const files = { "s/README.md": table, "s/a/x.ts": "", "s/b/c/y.ts": "", "s/z.ts": "", "t/d/x.ts": "" };
  expect(faults(checks.folderTables, files)).toEqual([
    "s/README.md has no row for b/",
    "s/README.md has a row for gone/, not there",
  ]);
  expect(faults(checks.folderTables, { "s/README.md": "# A\n", "s/a/x.ts": "" })).toEqual([]);
});

it("every folder of services has a README", () => {
  const files = { "services/a/x.ts": "", "services/a/README.md": "", "services/b/x.ts": "" };
  expect(faults(checks.missingReadmes, files)).toEqual(["services/b has no README.md"]);
});
