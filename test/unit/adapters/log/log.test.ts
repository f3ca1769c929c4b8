import { describe, expect, it } from "vitest";
import { Secret } from "../../../../services/adapters/config/secret.ts";
import { createLog, type LogLevel } from "../../../../services/adapters/log/log.ts";

function logged(level: LogLevel = "trace") {
  const lines: string[] = [];
  return { lines, log: createLog({ level, name: "processor", to: { write: (line) => lines.push(line) } }) };
}

describe("createLog", () => {
  it("writes one JSON object a line with name, time and message", () => {
    const { lines, log } = logged();
    log.child({ partition: 3 }).info({ rows: 10n }, "batch committed");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      name: "processor",
      partition: 3,
      rows: 10,
      msg: "batch committed",
    });
    expect(lines[0]).toMatch(/"time":"\d{4}-\d\d-\d\dT[\d:.]+Z"/);
  });

  it("keeps to its level", () => {
    const { lines, log } = logged("warn");
    log.info({}, "not this");
    log.warn({}, "this");
    expect(lines).toHaveLength(1);
  });

  it("hides secrets by their type and by their name, at any of three depths", () => {
    const { lines, log } = logged();
    log.info({ value: new Secret("hunter2"), password: "hunter2" }, "one");
    log.info(
      { clickhouse: { password: "hunter2" }, request: { headers: { authorization: "hunter2" } } },
      "two",
    );
    log.child({ token: "hunter2" }).info({}, "three");
    expect(lines.join("")).not.toContain("hunter2");
    expect(lines.join("").match(/\[secret\]/g)).toHaveLength(5);
  });

  it("writes an error with its cause", () => {
    const { lines, log } = logged();
    log.error({ err: new Error("outer", { cause: new Error("inner") }) }, "failed");
    expect(JSON.parse(lines[0] ?? "").err).toMatchObject({ type: "Error", message: "outer: inner" });
  });
});
