import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { ConfigError, readConfig, unknownKeys } from "../../../../services/adapters/config/config.ts";
import * as field from "../../../../services/adapters/config/fields.ts";
import type { Secret } from "../../../../services/adapters/config/secret.ts";
import { type ConfigHost, configOrExit } from "../../../../services/adapters/config/start.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meterhouse-config-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function faultsOf(read: () => unknown): ConfigError {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("expected a ConfigError");
}

describe("readConfig", () => {
  it("infers the type of every field and freezes the result", () => {
    const config = readConfig(
      {
        port: field.port("METERHOUSE_METRICS_PORT", { default: 9464 }),
        level: field.choice("METERHOUSE_LOG_LEVEL", ["debug", "info"], { default: "info" }),
        user: field.optional(field.text("METERHOUSE_CLICKHOUSE_USER")),
        password: field.secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
      },
      { env: { METERHOUSE_CLICKHOUSE_PASSWORD: "pass" } },
    );
    expectTypeOf(config).toEqualTypeOf<{
      readonly port: number;
      readonly level: "debug" | "info";
      readonly user: string | undefined;
      readonly password: Secret;
    }>();
    expect(config.port).toBe(9464);
    expect(config.user).toBeUndefined();
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("names every fault at once", () => {
    const error = faultsOf(() =>
      readConfig(
        {
          brokers: field.list("METERHOUSE_KAFKA_BROKERS"),
          port: field.port("METERHOUSE_METRICS_PORT"),
          level: field.choice("METERHOUSE_LOG_LEVEL", ["debug", "info"]),
          url: field.url("METERHOUSE_CLICKHOUSE_URL"),
        },
        {
          env: {
            METERHOUSE_METRICS_PORT: "65536",
            METERHOUSE_LOG_LEVEL: "loud",
            METERHOUSE_CLICKHOUSE_URL: "tcp://x",
          },
        },
      ),
    );
    expect(error.message).toBe(
      [
        "The configuration has 4 faults:",
        "  METERHOUSE_KAFKA_BROKERS is not set; expected: one or more texts separated by commas",
        '  METERHOUSE_METRICS_PORT is "65536", which is out of range; expected: a port from 0 to 65535',
        '  METERHOUSE_LOG_LEVEL is "loud", which is none of them; expected: one of debug, info',
        '  METERHOUSE_CLICKHOUSE_URL is "tcp://x", which is no such address; expected: an http:// or https:// address without user or password',
      ].join("\n"),
    );
    expect(error.faults.map(({ key }) => key)).toHaveLength(4);
  });

  it("prefers the environment to the file and the file to the default", () => {
    const file = fileWith(
      "config.json",
      JSON.stringify({
        METERHOUSE_METRICS_PORT: 1111,
        METERHOUSE_TOPIC: "from-file",
        METERHOUSE_KAFKA_BROKERS: ["a:1", "b:2"],
      }),
    );
    const fields = {
      port: field.port("METERHOUSE_METRICS_PORT", { default: 9464 }),
      topic: field.text("METERHOUSE_TOPIC", { default: "gpu-time-events" }),
      group: field.text("METERHOUSE_CONSUMER_GROUP", { default: "processor" }),
      brokers: field.list("METERHOUSE_KAFKA_BROKERS"),
    };
    const expected = { port: 2222, topic: "from-file", group: "processor", brokers: ["a:1", "b:2"] };
    const env = { METERHOUSE_METRICS_PORT: "2222", METERHOUSE_TOPIC: "" };
    expect(readConfig(fields, { env, argv: ["--config", file] })).toEqual(expected);
    expect(readConfig(fields, { env, argv: [`--config=${file}`] })).toEqual(expected);
    expect(readConfig(fields, { env: { ...env, METERHOUSE_CONFIG: file } })).toEqual(expected);
  });

  it("reports a file that is away, is not JSON, is no object or holds something nested", () => {
    const fields = { topic: field.text("METERHOUSE_TOPIC", { default: "t" }) };
    const read = (file: string) =>
      faultsOf(() => readConfig(fields, { env: {}, argv: ["--config", file] })).message;
    expect(read(join(folder, "none.json"))).toContain("cannot be read (ENOENT)");
    const broken = read(fileWith("broken.json", '{"METERHOUSE_CLICKHOUSE_PASSWORD": "hunter2", '));
    expect(broken).toContain("is not JSON");
    expect(broken).not.toContain("hunter2");
    expect(read(fileWith("list.json", "[]"))).toContain("is not an object");
    expect(read(fileWith("nested.json", '{"METERHOUSE_TOPIC": {"name": "x"}}'))).toContain(
      "has no plain value",
    );
  });

  it.each([
    ["1500ms", 1_500],
    ["30s", 30_000],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["0s", 0],
  ])("reads the duration %s as %i milliseconds", (raw, expected) => {
    const { wait } = readConfig(
      { wait: field.duration("METERHOUSE_TOPIC") },
      { env: { METERHOUSE_TOPIC: raw } },
    );
    expect(wait).toBe(expected);
  });

  it.each(["", "10", "m", "-1s", "1.5s", "1 s", "1S", "999999999999d"])("refuses the duration %j", (raw) => {
    const source = { env: { METERHOUSE_TOPIC: raw } };
    expect(() => readConfig({ wait: field.duration("METERHOUSE_TOPIC") }, source)).toThrow(ConfigError);
  });

  it("keeps numbers and durations within their range, both ends included", () => {
    const fields = {
      rows: field.integer("METERHOUSE_TOPIC", { min: 1, max: 10 }),
      wait: field.duration("METERHOUSE_CONSUMER_GROUP", { default: "5s", min: "1s", max: "10s" }),
    };
    const read = (rows: string, wait: string) =>
      readConfig(fields, { env: { METERHOUSE_TOPIC: rows, METERHOUSE_CONSUMER_GROUP: wait } });
    expect(read("1", "10s")).toEqual({ rows: 1, wait: 10_000 });
    expect(read("10", "")).toEqual({ rows: 10, wait: 5_000 });
    for (const rows of ["0", "11", "1.5", "1e3", "0x1", "ten", " 1"]) {
      expect(() => read(rows, "5s"), rows).toThrow(ConfigError);
    }
    expect(faultsOf(() => read("1", "11s")).message).toContain("from 1s to 10s");
  });

  it("reads flags, paths and checked texts", () => {
    const isShort = (value: string) => (value.length > 3 ? "is too long" : undefined);
    const fields = {
      on: field.flag("METERHOUSE_TOPIC", { default: false }),
      path: field.path("METERHOUSE_CONFIG", { default: "x" }),
      short: field.text("METERHOUSE_CONSUMER_GROUP", { default: "abc", check: isShort }),
    };
    expect(readConfig(fields, { env: { METERHOUSE_TOPIC: "true" } })).toEqual({
      on: true,
      path: "x",
      short: "abc",
    });
    const env = { METERHOUSE_TOPIC: "yes", METERHOUSE_CONSUMER_GROUP: "abcd" };
    const { faults } = faultsOf(() => readConfig(fields, { env }));
    expect(faults.map(({ problem }) => problem)).toEqual([
      'is "yes", which is neither',
      'is "abcd", which is too long',
    ]);
  });
});

describe("secrets", () => {
  const fields = { password: field.secret("METERHOUSE_CLICKHOUSE_PASSWORD") };

  it("never show, however they are printed", () => {
    const { password } = readConfig(fields, { env: { METERHOUSE_CLICKHOUSE_PASSWORD: "hunter2" } });
    for (const text of [
      `${password}`,
      JSON.stringify({ password }),
      inspect({ password }),
      inspect(password),
    ]) {
      expect(text).toContain("[secret]");
      expect(text).not.toContain("hunter2");
    }
    expect(password.reveal()).toBe("hunter2");
  });

  it("come from a file without its last line break", () => {
    const file = fileWith("password", " hunter2 \n");
    const { password } = readConfig(fields, { env: { METERHOUSE_CLICKHOUSE_PASSWORD_FILE: file } });
    expect(password.reveal()).toBe(" hunter2 ");
  });

  it("are refused when given twice or when their file cannot be read", () => {
    const env = { METERHOUSE_CLICKHOUSE_PASSWORD_FILE: join(folder, "none") };
    expect(faultsOf(() => readConfig(fields, { env })).faults).toMatchObject([
      { key: "METERHOUSE_CLICKHOUSE_PASSWORD_FILE", problem: expect.stringContaining("ENOENT") },
    ]);
    const twice = faultsOf(() =>
      readConfig(fields, { env: { ...env, METERHOUSE_CLICKHOUSE_PASSWORD: "hunter2" } }),
    );
    expect(twice.message).toContain("METERHOUSE_CLICKHOUSE_PASSWORD_FILE are both set");
    expect(twice.message).not.toContain("hunter2");
  });

  it("in an address are refused without being repeated", () => {
    const env = { METERHOUSE_CLICKHOUSE_URL: "http://user:hunter2@localhost:8123" };
    const { message } = faultsOf(() => readConfig({ url: field.url("METERHOUSE_CLICKHOUSE_URL") }, { env }));
    expect(message).toContain("holds a user or password");
    expect(message).not.toContain("hunter2");
  });
});

it("names what starts like ours and is read by nothing", () => {
  const env = {
    METERHOUSE_TOPICS: "x",
    METERHOUSE_TOPIC: "x",
    METERHOUSE_CLICKHOUSE_PASSWORD_FILE: "x",
    HOME: "x",
  };
  const argv = ["--config", fileWith("config.json", '{"METERHOUSE_PORT": 1}')];
  expect(unknownKeys({ env, argv })).toEqual(["METERHOUSE_PORT", "METERHOUSE_TOPICS"]);
});

describe("configOrExit", () => {
  class Exit extends Error {}

  function host(env: Record<string, string>, ...argv: string[]) {
    const said: string[] = [];
    const faults: string[] = [];
    const exits: number[] = [];
    const fake: ConfigHost = {
      env,
      argv,
      print: (line) => said.push(line),
      printFault: (line) => faults.push(line),
      exit: (code) => {
        exits.push(code);
        throw new Exit();
      },
    };
    return { fake, said, faults, exits };
  }

  const fields = { port: field.port("METERHOUSE_METRICS_PORT", { default: 9464 }) };

  it("returns a good configuration and warns of unknown names", () => {
    const { fake, faults } = host({ METERHOUSE_PROT: "1" });
    expect(configOrExit("processor", fields, fake)).toEqual({ port: 9464 });
    expect(faults).toEqual(["processor: warning: nothing reads METERHOUSE_PROT; is it mistyped?"]);
  });

  it("checks and ends with code 0 on --check-config", () => {
    const { fake, said, exits } = host({}, "--check-config");
    expect(() => configOrExit("processor", fields, fake)).toThrow(Exit);
    expect({ said, exits }).toEqual({ said: ["processor: configuration ok"], exits: [0] });
  });

  it.each([[[]], [["--check-config"]]])(
    "ends with code 2 and the faults, with arguments %j",
    (argv: string[]) => {
      const { fake, faults, exits } = host({ METERHOUSE_METRICS_PORT: "x" }, ...argv);
      expect(() => configOrExit("processor", fields, fake)).toThrow(Exit);
      expect(exits).toEqual([2]);
      expect(faults).toEqual([expect.stringContaining("METERHOUSE_METRICS_PORT")]);
    },
  );
});
