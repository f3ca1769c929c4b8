import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { helpOf } from "../../../services/adapters/command/command.ts";
import { COMMANDS, understand as understandAs } from "../../../services/cli/commands.ts";
import { DECLARED } from "../../support/flows/declared-commands.ts";

const understand = (argv: readonly string[]) => understandAs(argv, "1.2.3");

describe("understand", () => {
  it("hands a command's arguments to its process", () => {
    expect(understand(["close", "--through", "2026-01-31T10:00Z"])).toEqual({
      kind: "run",
      entry: "services/settlement/main.ts",
      arguments: ["close", "--through", "2026-01-31T10:00Z"],
    });
    expect(understand(["verify", "--hour", "2026-01-31T10:00Z"])).toMatchObject({
      kind: "run",
      entry: "services/settlement/main.ts",
      arguments: ["verify", "--hour", "2026-01-31T10:00Z"],
    });
    expect(understand(["verify", "1234", "--json"])).toMatchObject({
      kind: "run",
      entry: "services/cli/api.ts",
      arguments: ["verify", "1234", "--json"],
    });
    expect(understand(["verify", "--hour=2026-01-31T10:00Z"])).toMatchObject({
      entry: "services/settlement/main.ts",
    });
    expect(understand(["demo", "--json"])).toMatchObject({ kind: "run", arguments: ["demo", "--json"] });
    expect(understand(["invoice", "--help"])).toMatchObject({
      kind: "run",
      arguments: ["invoice", "--help"],
    });
    expect(understand(["help", "close"])).toMatchObject({ kind: "run", arguments: ["close", "--help"] });
  });

  it("says its version", () => {
    expect(understand(["--version"])).toEqual({ kind: "say", text: "1.2.3", exitCode: 0 });
  });

  it.each([[[]], [["help"]], [["--help"]], [["-h"]]])("lists every command for %j", (argv: string[]) => {
    const request = understand(argv);
    expect(request).toMatchObject({ kind: "say", exitCode: 0 });
    for (const [name, { help }] of Object.entries(COMMANDS)) {
      expect(request).toHaveProperty("text", expect.stringMatching(new RegExp(`^  ${name} `, "m")));
      expect(request).toHaveProperty("text", expect.stringContaining(help));
    }
  });

  it.each([
    ["clsoe", /^meterhouse: unknown command 'clsoe' \(Did you mean close\?\)/],
    ["toString", /unknown command 'toString'/],
    ["", /unknown command ''/],
    ["--frobnicate", /unknown option '--frobnicate'/],
  ])("answers an unknown command %j with a suggestion and code 2", (name, text) => {
    expect(understand([name])).toEqual({ kind: "say", exitCode: 2, text: expect.stringMatching(text) });
  });

  it("knows only processes that exist", () => {
    const entries = Object.values(COMMANDS).flatMap(({ entry, entryWith }) => [
      entry,
      entryWith?.entry ?? entry,
    ]);
    const missing = entries.filter((entry) => !existsSync(entry));
    expect(missing).toEqual([]);
  });
});

describe("every command", () => {
  it("is declared by the process that does it, and no other", () => {
    for (const [entry, commands] of Object.entries(DECLARED)) {
      const declared = new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""));
      const listed = Object.entries(COMMANDS)
        .filter(([, { entry: own, entryWith }]) => own === entry || entryWith?.entry === entry)
        .map(([name]) => name);
      expect([...declared].toSorted(), entry).toEqual(listed.toSorted());
    }
  });

  it("explains itself, every option and every setting", () => {
    for (const commands of Object.values(DECLARED)) {
      for (const { name, help, options, settings = {} } of commands) {
        const text = helpOf(commands, name);
        expect(text).toMatch(new RegExp(`^Usage: meterhouse ${name} `));
        expect(text.replaceAll(/\s+/g, " ")).toContain(help);
        for (const { flags } of Object.values(options)) expect(text).toContain(flags);
        for (const { key } of Object.values(settings)) expect(text).toContain(key);
      }
    }
  });
});
