import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COMMANDS, understand } from "../../../services/cli/commands.ts";

describe("understand", () => {
  it("hands a command's arguments to its process", () => {
    expect(understand(["close", "--through", "2026-01-31T10:00Z"])).toEqual({
      kind: "run",
      entry: "services/settlement/main.ts",
      arguments: ["close", "--through", "2026-01-31T10:00Z"],
    });
    expect(understand(["bill", "--json"])).toMatchObject({ kind: "run", arguments: ["bill", "--json"] });
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
    expect(understand(["demo", "--json"])).toMatchObject({ kind: "run", arguments: ["--json"] });
  });

  it.each([[[]], [["help"]], [["--help"]], [["-h"]]])("lists every command for %j", (argv: string[]) => {
    const request = understand(argv);
    expect(request).toMatchObject({ kind: "say", exitCode: 0 });
    for (const { usage, help } of Object.values(COMMANDS)) {
      expect(request).toHaveProperty("text", expect.stringContaining(usage));
      expect(request).toHaveProperty("text", expect.stringContaining(help));
    }
  });

  it("explains one command", () => {
    expect(understand(["close", "--help"])).toMatchObject({
      kind: "say",
      exitCode: 0,
      text: expect.stringContaining("--through <hour>"),
    });
  });

  it.each(["clsoe", "toString", ""])(
    "answers an unknown command %j with the known ones and code 2",
    (name) => {
      expect(understand([name])).toMatchObject({
        kind: "say",
        exitCode: 2,
        text: expect.stringMatching(new RegExp(`There is no command "${name}".*\n\n.*up`)),
      });
    },
  );

  it("knows only processes that exist", () => {
    const entries = Object.values(COMMANDS).flatMap(({ entry, entryOfNamed }) => [
      entry,
      entryOfNamed ?? entry,
    ]);
    const missing = entries.filter((entry) => !existsSync(entry));
    expect(missing).toEqual([]);
  });
});
