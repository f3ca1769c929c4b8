import { describe, expect, it } from "vitest";
import * as imports from "./imports.ts";
import { faults, importsOf } from "./source.ts";

const LAYERS = [
  ...["domain", "adapters", "billing", "client"],
  ...["processor", "settlement", "api", "jobs", "gateway", "cli", "console", "local"],
];

/** Every arrow between two layers; no other is allowed. */
const ALLOWED = [
  ["adapters", "domain"],
  ["billing", "domain"],
  ...["processor", "settlement", "api", "jobs", "gateway", "cli", "console", "local"].flatMap((process) => [
    [process, "domain"],
    [process, "adapters"],
    [process, "billing"],
  ]),
  ["cli", "client"],
  ["console", "client"],
  ["local", "client"],
].map((arrow) => arrow.join(" -> "));

const ARROWS = LAYERS.flatMap((from) => LAYERS.filter((to) => to !== from).map((to) => `${from} -> ${to}`));

describe("imports", () => {
  it("are found however they are written", () => {
    const text = `import a from "a";\nimport {\n  b,\n} from "b";\nimport type { C } from "c";\nimport "d";
export { e } from "e";\nexport type * from "f";\nconst g = await import("g");\nconst said = 'nothing from "h"';`;
    expect(importsOf(text)).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
  });

  it.each(ARROWS.filter((arrow) => ALLOWED.includes(arrow)))("%s is allowed", (arrow) => {
    expect(along(arrow)).toEqual([]);
  });

  it.each(ARROWS.filter((arrow) => !ALLOWED.includes(arrow)))("%s is refused", (arrow) => {
    const [from, to] = arrow.split(" -> ");
    expect(along(arrow)).toEqual([
      `services/${from}/x.ts imports ../${to}/y.ts: ${from} must not know ${to}`,
    ]);
  });

  it.each([
    ["services/domain/event/x.ts", "node:fs"],
    ["services/domain/event/x.ts", "typebox"],
    ["services/domain/event/x.ts", "../../../test/support/y.ts"],
    ["services/parlour/x.ts", "../domain/event/y.ts"],
  ])("%s must not import %s", (path, target) => {
    expect(faults(imports.importDirection, { [path]: `import { x } from "${target}";` })).toHaveLength(1);
  });

  it.each([
    ["services/domain/event/x.ts", "../window/y.ts"],
    ["services/processor/x.ts", "./steps/y.ts"],
    ["services/processor/x.ts", "node:fs"],
    ["test/unit/x.test.ts", "../../services/processor/main.ts"],
  ])("%s may import %s", (path, target) => {
    expect(faults(imports.importDirection, { [path]: `import { x } from "${target}";` })).toEqual([]);
  });

  it("keep each library in its adapter", () => {
    const text = 'import { Kafka } from "kafkajs";\nimport { x } from "fastify/types/x.js";';
    expect(faults(imports.librariesAtHome, { "services/processor/x.ts": text })).toHaveLength(2);
    const route = 'import type { FastifyInstance } from "fastify";';
    expect(faults(imports.librariesAtHome, { "services/api/routes/quote.ts": route })).toEqual([]);
    expect(faults(imports.librariesAtHome, { "services/billing/routes/quote.ts": route })).toHaveLength(1);
  });
});

function along(arrow: string): string[] {
  const [from, to] = arrow.split(" -> ");
  return faults(imports.importDirection, { [`services/${from}/x.ts`]: `import { y } from "../${to}/y.ts";` });
}

describe("import circles", () => {
  it("are found through types, re-exports and dynamic imports, in tests too", () => {
    const files = {
      "a/one.ts": 'import type { Two } from "../b/two.ts";',
      "b/two.ts": 'export * from "./three.ts";\nimport "./leaf.ts";',
      "b/three.ts": 'const one = await import("../a/one.ts");',
      "b/leaf.ts": "",
      "c/itself.ts": 'import { x } from "./itself.ts";',
      "d/beside.ts": 'import { one } from "../a/one.ts";',
    };
    expect(faults(imports.importCircles, files)).toEqual([
      "files import each other: a/one.ts -> b/two.ts -> b/three.ts -> a/one.ts",
      "files import each other: c/itself.ts -> c/itself.ts",
    ]);
  });

  it("are each the shortest, and every file of a knot is on one", () => {
    const files = {
      "a.ts": 'import "./b.ts";\nimport "./c.ts";',
      "b.ts": 'import "./c.ts";',
      "c.ts": 'import "./a.ts";',
    };
    expect(faults(imports.importCircles, files)).toEqual([
      "files import each other: a.ts -> c.ts -> a.ts",
      "files import each other: b.ts -> c.ts -> a.ts -> b.ts",
    ]);
  });

  it("are not there where two ways lead to one file", () => {
    const files = {
      "a.ts": 'import "./b.ts";\nimport "./c.ts";\nimport "node:fs";',
      "b.ts": 'import "./d.ts";',
      "c.ts": 'import "./b.ts";\nimport "./d.ts";',
      "d.ts": 'import { gone } from "./gone.ts";',
    };
    expect(faults(imports.importCircles, files)).toEqual([]);
  });

  it("are found among rooms, though no file imports itself", () => {
    const files = {
      "services/domain/event/a.ts": 'import "../window/b.ts";',
      "services/domain/window/b.ts": "",
      "services/domain/window/c.ts": 'import "../money/d.ts";',
      "services/domain/money/d.ts": 'import "../event/e.ts";',
      "services/domain/event/e.ts": "",
    };
    expect(faults(imports.importCircles, files)).toEqual([]);
    expect(faults(imports.roomCircles, files)).toEqual([
      "rooms import each other: services/domain/event -> services/domain/window -> services/domain/money -> services/domain/event",
    ]);
  });

  it("are not among rooms where a room only imports itself, and processes have no rooms", () => {
    const files = {
      "services/billing/access/a.ts":
        'import "./b.ts";\nimport "../cache/c.ts";\nimport "../../domain/x/y.ts";',
      "services/billing/access/b.ts": "",
      "services/billing/cache/c.ts": 'import "../top.ts";',
      "services/billing/top.ts": 'import "./access/b.ts";',
      "services/api/routes/a.ts": 'import "../invoices/b.ts";',
      "services/api/invoices/b.ts": 'import "../routes/c.ts";',
      "services/api/routes/c.ts": "",
    };
    expect(faults(imports.roomCircles, files)).toEqual([]);
  });
});
