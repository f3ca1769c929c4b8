import { describe, expect, it } from "vitest";
import {
  type Command,
  command,
  Faults,
  helpOf,
  readCommandLine,
} from "../../../../services/adapters/command/command.ts";
import {
  choice,
  flag,
  otherwise,
  required,
  text,
  whole,
} from "../../../../services/adapters/command/options.ts";
import { duration, secret } from "../../../../services/adapters/config/fields.ts";

const SETTINGS = {
  grace: duration("METERHOUSE_GRACE", { default: "10m" }),
  password: secret("METERHOUSE_CLICKHOUSE_PASSWORD"),
};

const COMMANDS: readonly Command<unknown>[] = [
  command({
    name: "serve",
    help: "Serve.",
    isDefault: true,
    settings: SETTINGS,
    options: {},
    read: () => "served",
  }),
  command({
    name: "cake bake",
    help: "Bake a cake.",
    argument: { name: "<name>", help: "of the cake" },
    options: {
      layers: otherwise(whole("--layers <n>", "how many", { min: 1, max: 9 }), 2),
      filling: required(choice("--filling <what>", "between them", ["cream", "jam"])),
      note: text("--note <text>", "what is written on it"),
      quick: flag("--quick", "do not let it rest"),
    },
    read(values, name) {
      return values.quick && values.layers > 3 ? new Faults("a tall cake must rest") : { name, ...values };
    },
  }),
];

const read = (line: string) => readCommandLine(COMMANDS, line.split(" ").filter(Boolean));
const fault = (line: string) => {
  const answer = read(line);
  return answer.kind === "text" && answer.exitCode === 2 ? answer.text : answer;
};

describe("a command line", () => {
  it("is read into values, with what holds where an option is absent", () => {
    expect(read("cake bake torte --filling jam")).toEqual({
      kind: "command",
      command: { name: "torte", layers: 2, filling: "jam", note: undefined, quick: false },
    });
    expect(read("cake bake --layers=3 torte --note -x --filling cream --quick")).toMatchObject({
      command: { name: "torte", layers: 3, filling: "cream", note: "-x", quick: true },
    });
  });

  it("without a command is the default one's, which takes settings", () => {
    for (const line of ["", "serve", "--check-config", "--config here.json", "serve --config=here.json"]) {
      expect(read(line)).toEqual({ kind: "command", command: "served" });
    }
  });

  it.each([
    ["bake", 'there is no command "bake"; there is serve, cake'],
    ["serve me", 'serve takes nothing beside its options, not "me"'],
    ["cake", "a command is missing"],
    [
      "cake bkae",
      "meterhouse cake: unknown command 'bkae' (Did you mean bake?). See meterhouse cake --help.",
    ],
    ["cake bake torte --filling jam --layer 3", "unknown option '--layer' (Did you mean --layers?)"],
    ["cake bake torte --filling", "option '--filling <what>' argument missing"],
    ["cake bake torte --filling jam --layers 4 --quick", "a tall cake must rest"],
    ["cake bake torte --filling jam --check-config", "unknown option '--check-config'"],
  ])("%j is answered with what is wrong", (line, sentence) => {
    expect(fault(line)).toContain(sentence);
  });

  it("is answered with everything that is wrong", () => {
    expect(fault("cake bake --layers 0 --fast --note")).toBe(
      [
        "meterhouse cake bake: 5 faults",
        `  --layers "0" is no whole number from 1 to 9`,
        "  option '--note <text>' argument missing",
        "  unknown option '--fast'",
        "  <name> is missing: of the cake",
        "  --filling <what> is missing: between them: cream, jam",
        "See meterhouse cake bake --help.",
      ].join("\n"),
    );
  });
});

describe("help", () => {
  it("has units, words, defaults and what is required", () => {
    const help = helpOf(COMMANDS, "cake bake");
    expect(help).toMatch(/^Usage: meterhouse cake bake \[options\] <name>\n\nBake a cake\./);
    expect(help).toMatch(/--layers <n> +how many \(default: 2\)/);
    expect(help).toMatch(/--filling <what> +between them: cream, jam \(required\)/);
  });

  it("names every setting with its default", () => {
    expect(helpOf(COMMANDS, "serve")).toMatch(
      /METERHOUSE_GRACE\n.* Default: 10m\.\n +METERHOUSE_CLICKHOUSE_PASSWORD\n.* Must be set\.$/,
    );
  });
});
