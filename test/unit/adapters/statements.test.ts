import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitStatements } from "../../../services/adapters/clickhouse/statements.ts";

describe("splitStatements", () => {
  it.each([
    ["", []],
    [" ;\n; ", []],
    ["-- only a comment; really\n", []],
    ["SELECT 1", ["SELECT 1"]],
    ["SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]],
    ["SELECT ';';SELECT 2", ["SELECT ';'", "SELECT 2"]],
    ["SELECT 'it''s;';SELECT 2", ["SELECT 'it''s;'", "SELECT 2"]],
    ["SELECT 'a\\';';SELECT 2", ["SELECT 'a\\';'", "SELECT 2"]],
    ['SELECT 1 AS "a;b";SELECT 2', ['SELECT 1 AS "a;b"', "SELECT 2"]],
    ["SELECT 1 AS `a;b`;SELECT 2", ["SELECT 1 AS `a;b`", "SELECT 2"]],
    ["SELECT 1 -- one; two\n + 1;", ["SELECT 1 -- one; two\n + 1"]],
    ["SELECT 1 /* one; 'two */ + 1;SELECT 2", ["SELECT 1 /* one; 'two */ + 1", "SELECT 2"]],
    [
      "SELECT 1; # a shell's comment; it's one\nSELECT 2",
      ["SELECT 1", "# a shell's comment; it's one\nSELECT 2"],
    ],
    ["SELECT 1; -- it's the last", ["SELECT 1"]],
    ["SELECT 3-1; SELECT 4/2", ["SELECT 3-1", "SELECT 4/2"]],
  ])("splits %j", (script, statements) => {
    expect(splitStatements(script)).toEqual(statements);
  });

  it("gives back what was joined, whatever the quoted texts and comments hold", () => {
    const textOf = (...units: string[]) => fc.string({ unit: fc.constantFrom(...units) });
    const symbols = ["a", ";", "'", "-", "\\", '"', "`", " "];
    const text = textOf(...symbols, "*", "/");
    const quoted = text.map((it) => `'${it.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`);
    // One symbol of the comment's end at a time: to take the end out of a text can make a new one.
    const comment = fc.oneof(textOf(...symbols, "*"), textOf(...symbols, "/")).map((it) => `/* ${it} */ 1`);
    const line = text.map((it) => `-- ${it}\n 1`);
    const statement = fc.array(fc.oneof(quoted, comment, line), { minLength: 1 }).map((it) => it.join(" + "));
    fc.assert(
      fc.property(fc.array(statement.map((it) => `SELECT ${it}`)), (statements) => {
        expect(splitStatements(statements.join(" ;\n"))).toEqual(statements);
      }),
    );
  });
});
