// What the documents tell people to type is there, and the quick commands do what the documents say.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { helpOf } from "../../services/adapters/command/command.ts";
import { COMMANDS } from "../../services/cli/commands.ts";
import { PROJECT_ROOT, VIRTUAL_ENV } from "../../services/local/paths.ts";
import { DECLARED } from "../support/flows/declared-commands.ts";
import { CHILD_ENV } from "../support/stack/child-env.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";

const PROBE = `${VIRTUAL_ENV}/bin/gpu-probe`;
const TRACES = ["gpu-probe/traces/h100-serving-trace.jsonl.gz", "gpu-probe/traces/h100-busy-trace.jsonl.gz"];
const COALITIONS = "gpu-probe/traces/h100-batch-coalitions.json";

const documents = globSync(["*.md", "{docs,bench,clickhouse,schemas,services,gpu-probe}/**/*.md"], {
  cwd: PROJECT_ROOT,
  exclude: (path) => /node_modules|egg-info|\.pytest_cache/.test(String(path)),
}).map((path) => ({ path, text: read(path) }));

interface Typed {
  /** The document, for messages. */
  readonly path: string;
  readonly program: string;
  /** What follows the program's name, up to a comment or a second column. */
  readonly rest: string;
}

/** Every command in the documents: in a block, in indented lines or between backticks. */
const typed: readonly Typed[] = documents.flatMap((document) =>
  commandsOf(document.text).flatMap((line) =>
    line.split("&&").flatMap((part) => {
      const found = /^(npm|meterhouse|node|gpu-probe|npx) +(\S.*)$/.exec(part.trim());
      return found === null
        ? []
        : [{ path: document.path, program: found[1] as string, rest: found[2] as string }];
    }),
  ),
);

function read(path: string): string {
  return readFileSync(`${PROJECT_ROOT}${path}`, "utf8");
}

function commandsOf(document: string): string[] {
  const blocks = [...document.matchAll(/^```\w*\n(.*?)^```/gms)].flatMap(([, body = ""]) => body.split("\n"));
  const indented = [...document.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = ""]) => line);
  const inline = [...document.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...blocks, ...indented, ...inline].map((line) => line.replace(/(?: +#| {3,}).*$/, ""));
}

const optionsIn = (line: string): string[] => line.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [];

function saying(program: string, predicate: (rest: string) => boolean = () => true): Typed[] {
  return typed.filter((one) => one.program === program && predicate(one.rest));
}

async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string }> {
  const child = spawn(command, args, {
    cwd: PROJECT_ROOT,
    env: { ...CHILD_ENV, HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { code, output: output + errors };
}

/** The options of our own command, of all that begin with this word, as their help names them. */
function flagsOf(command: string): string[] {
  return Object.values(DECLARED).flatMap((commands) =>
    commands
      .filter(({ name }) => name.split(" ")[0] === command)
      .flatMap(({ name }) => optionsIn(helpOf(commands, name))),
  );
}

describe("a command in the documents", () => {
  it("is found at all", () => {
    for (const program of ["npm", "meterhouse", "node", "gpu-probe", "npx"]) {
      expect(saying(program).length, program).toBeGreaterThan(0);
    }
  });

  it("npm …: the script is there, and knows the options", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const optionsOf = (path: string) =>
      [...read(path).matchAll(/^ {4}(\w+): \{ type: /gm)].map(([, name]) => `--${name}`);
    const known: Record<string, readonly string[]> = {
      demo: flagsOf("demo"),
      bench: optionsOf("bench/main.ts"),
      "bench:pricing": optionsOf("bench/pricing/main.ts"),
      "bench:closing": optionsOf("bench/closing.ts"),
      "bench:takeover": optionsOf("bench/takeover.ts"),
    };
    for (const { path, rest } of saying("npm", (it) => it !== "ci")) {
      const [, name = "", args = ""] = /^(?:run )?(\S+)(?: -- (.*))?$/.exec(rest) ?? [];
      expect(scripts, `${path}: npm ${rest}`).toHaveProperty(name);
      if (name === "meterhouse") continue;
      for (const option of optionsIn(args)) expect(known[name], `${path}: npm ${rest}`).toContain(option);
    }
  });

  it("meterhouse …: the command is there, and knows the options", () => {
    const all = [
      ...saying("meterhouse"),
      ...saying("npm", (rest) => rest.startsWith("run meterhouse -- ")).map((one) => ({
        ...one,
        rest: one.rest.slice("run meterhouse -- ".length),
      })),
    ].filter(({ rest }) => rest !== "<command>" && rest !== "help");
    for (const { path, rest } of all) {
      const [name = ""] = rest.split(" ");
      expect(COMMANDS, `${path}: meterhouse ${rest}`).toHaveProperty(name);
      for (const option of optionsIn(rest)) {
        expect(flagsOf(name), `${path}: meterhouse ${rest}`).toContain(option);
      }
    }
  });

  it("node … and npx …: the file is there, and knows the options", () => {
    for (const { path, rest } of saying("node")) {
      const [file = "", name = ""] = rest.split(" ");
      expect(existsSync(`${PROJECT_ROOT}${file}`), `${path}: node ${rest}`).toBe(true);
      for (const option of optionsIn(rest)) expect(flagsOf(name), `${path}: node ${rest}`).toContain(option);
    }
    for (const { path, rest } of saying("npx")) {
      const [, target = ""] = /^vitest run (\S+)$/.exec(rest) ?? [];
      expect(existsSync(`${PROJECT_ROOT}${target}`), `${path}: npx ${rest}`).toBe(true);
    }
  });

  it("gpu-probe …: the command is there, and knows the options", async () => {
    const help = new Map<string, Promise<{ code: number; output: string }>>();
    for (const { path, rest } of saying("gpu-probe")) {
      const [name = ""] = rest.split(" ");
      if (!help.has(name)) help.set(name, run(PROBE, [name, "--help"]));
      const { code, output } = (await help.get(name)) ?? { code: 1, output: "" };
      expect(code, `${path}: gpu-probe ${rest}`).toBe(0);
      for (const option of optionsIn(rest))
        expect(optionsIn(output), `${path}: gpu-probe ${rest}`).toContain(option);
    }
  });
});

describe("a file in the documents", () => {
  it("is there", () => {
    const missing = documents
      .filter(({ path }) => path !== "CHANGELOG.md")
      .flatMap(({ path, text: body }) =>
        [...body.matchAll(/`((?:test|services|gpu-probe|clickhouse|schemas|bench|docs)\/[\w./-]+)`/g)]
          .map(([, name = ""]) => name)
          .filter((name) => !existsSync(`${PROJECT_ROOT}${name}`))
          .map((name) => `${path} names ${name}`),
      );
    expect(missing).toEqual([]);
  });
});

describe("what is typed does what is said", () => {
  it("npm run meterhouse -- help lists every command", async () => {
    const { code, output } = await run("npm", ["run", "--silent", "meterhouse", "--", "help"]);
    expect(code).toBe(0);
    for (const [name, { help }] of Object.entries(COMMANDS)) {
      expect(output).toContain(`  ${name} `);
      expect(output).toContain(help);
    }
  });

  it.each(["processor", "settlement", "migrate", "pricing", "jobs"])(
    "meterhouse %s --check-config",
    async (name) => {
      const secret = { METERHOUSE_CLICKHOUSE_PASSWORD: "x" };
      const addresses = {
        METERHOUSE_KAFKA_BROKERS: "127.0.0.1:9092",
        METERHOUSE_CLICKHOUSE_URL: "http://127.0.0.1:8123",
      };
      const args = ["services/cli/main.ts", name, "--check-config"];
      expect(await run(process.execPath, args, { ...secret, ...addresses })).toEqual({
        code: 0,
        output: `${name}: configuration ok\n`,
      });
      const faulty = await run(process.execPath, args, { METERHOUSE_LOG_LEVEL: "loud" });
      expect(faulty.code).toBe(2);
      expect(faulty.output).toMatch(/METERHOUSE_CLICKHOUSE_PASSWORD is not set/);
      expect(faulty.output).toMatch(/METERHOUSE_LOG_LEVEL/);
    },
  );

  it("the accounts that gpu-probe's README shows are what replay prints", async () => {
    const examples = [...read("gpu-probe/README.md").matchAll(/^```json\n(.*?)^```/gms)];
    expect(examples).toHaveLength(TRACES.length);
    for (const [index, trace] of TRACES.entries()) {
      const { output } = await run(PROBE, ["replay", trace, "--json"]);
      expect(output.trim(), trace).toBe(examples[index]?.[1]?.replaceAll(/\s/g, ""));
    }
  });

  it("the errors of sharing that gpu-probe's README shows are what judge prints", async () => {
    const rows = [
      ...read("gpu-probe/README.md").matchAll(/^\| (\S+?),?(?: .*?)?((?: \| [\d.]+ %){3}) \|$/gm),
    ];
    expect(rows).toHaveLength(4);
    for (const [, policy = "", numbers = ""] of rows) {
      const { output } = await run(PROBE, ["judge", COALITIONS, "--policy", policy, "--json"]);
      const { decode, prefill, mixed } = JSON.parse(output) as Record<string, number>;
      const printed = [decode, prefill, mixed]
        .map((share = 0) => ` | ${(share * 100).toFixed(1)} %`)
        .join("");
      expect(printed, policy).toBe(numbers);
    }
  });
});

describe("what is said of ClickHouse", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  it("the reader may ask every question in the documents", async () => {
    const questions = documents.flatMap(({ text: body }) =>
      [...body.matchAll(/curl .*\?database=.*-d '([^']+)'/g)].map(([, sql = ""]) =>
        sql.replace(/ FORMAT \w+$/, ""),
      ),
    );
    expect(questions.length).toBeGreaterThan(0);
    const reader = database.open("reader");
    for (const sql of questions) await reader.query(sql);
  });

  it("clickhouse/README.md names every table and view", async () => {
    const tables = await database
      .open("migrate")
      .query<{ name: string }>("SELECT name FROM system.tables WHERE database = currentDatabase()");
    const document = read("clickhouse/README.md");
    expect(tables.map(({ name }) => name).filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
  });
});
