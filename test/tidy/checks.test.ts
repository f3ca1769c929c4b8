import { describe, expect, it } from "vitest";
import * as checks from "./checks.ts";
import { importsOf, sourceFile } from "./source.ts";

type Check = (typeof checks)[keyof typeof checks];

function faults(check: Check, files: Record<string, string>): string[] {
  return check(Object.entries(files).map(([path, text]) => sourceFile(path, text)));
}

describe("imports", () => {
  it("are found however they are written", () => {
    const text = `import a from "a";\nimport {\n  b,\n} from "b";\nimport type { C } from "c";\nimport "d";
export { e } from "e";\nexport type * from "f";\nconst g = await import("g");\nconst said = 'nothing from "h"';`;
    expect(importsOf(text)).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
  });

  it.each([
    ["services/domain/event/x.ts", "node:fs"],
    ["services/domain/event/x.ts", "../../adapters/log/log.ts"],
    ["services/adapters/kafka/x.ts", "../../processor/main.ts"],
    ["services/processor/x.ts", "../settlement/main.ts"],
    ["services/cli/main.ts", "../local/stack.ts"],
  ])("%s must not import %s", (path, target) => {
    expect(faults(checks.importDirection, { [path]: `import { x } from "${target}";` })).toHaveLength(1);
  });

  it.each([
    ["services/domain/event/x.ts", "../window/y.ts"],
    ["services/adapters/kafka/x.ts", "../../domain/event/y.ts"],
    ["services/processor/x.ts", "./steps/y.ts"],
    ["services/processor/x.ts", "node:fs"],
    ["test/unit/x.test.ts", "../../services/processor/main.ts"],
  ])("%s may import %s", (path, target) => {
    expect(faults(checks.importDirection, { [path]: `import { x } from "${target}";` })).toEqual([]);
  });

  it("keep each library in its adapter", () => {
    const text = 'import { Kafka } from "kafkajs";\nimport { x } from "fastify/types/x.js";';
    expect(faults(checks.librariesAtHome, { "services/processor/x.ts": text })).toHaveLength(2);
    const route = 'import type { FastifyInstance } from "fastify";';
    expect(faults(checks.librariesAtHome, { "services/api/routes/quote.ts": route })).toEqual([]);
  });
});

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

it("every folder of services has a README", () => {
  const files = { "services/a/x.ts": "", "services/a/README.md": "", "services/b/x.ts": "" };
  expect(faults(checks.missingReadmes, files)).toEqual(["services/b has no README.md"]);
});
