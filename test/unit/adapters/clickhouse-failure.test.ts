import { ClickHouseError } from "@clickhouse/client";
import { describe, expect, it } from "vitest";
import { ClickHouseFailure, failureOf, isRetriable } from "../../../services/adapters/clickhouse/failure.ts";

const server = (code: string, message: string) => new ClickHouseError({ code, message, type: "X" });
const network = (code: string, message = "") => Object.assign(new Error(message), { code });

describe("failureOf", () => {
  it.each([
    [server("252", "Too many parts (300)"), "retriable", "252"],
    [server("241", "Memory limit (total) exceeded"), "retriable", "241"],
    [server("202", "Too many simultaneous queries"), "retriable", "202"],
    [server("394", "Query was cancelled"), "retriable", "394"],
    [server("395", "fenced: while executing function throwIf"), "rejected", "395"],
    [server("62", "Syntax error"), "fatal", "62"],
    [server("516", "Authentication failed"), "fatal", "516"],
    [network("ECONNREFUSED"), "retriable", "ECONNREFUSED"],
    [network("ECONNRESET", "socket hang up"), "retriable", "ECONNRESET"],
    [network("ENOTFOUND"), "retriable", "ENOTFOUND"],
    [new Error("Timeout error."), "retriable", "UNKNOWN"],
    [new Error("<html>503 Service Unavailable</html>"), "retriable", "UNKNOWN"],
    [new TypeError("x is not a function"), "fatal", "UNKNOWN"],
    ["a text", "fatal", "UNKNOWN"],
  ])("maps %s to %s", (error, kind, code) => {
    const failure = failureOf(error);
    expect(failure).toMatchObject({ kind, code });
    expect(failure.message).not.toBe("");
    expect(isRetriable(failure)).toBe(kind === "retriable");
  });

  it("keeps a guard's own words and the cause, and does not wrap twice", () => {
    const cause = server("395", "position: while executing function throwIf(…)");
    const failure = failureOf(cause);
    expect(failure.message).toBe("position");
    expect(failure.cause).toBe(cause);
    expect(failureOf(failure)).toBe(failure);
  });

  it("does not call another error retriable", () => {
    expect(isRetriable(network("ECONNREFUSED"))).toBe(false);
    expect(isRetriable(new ClickHouseFailure("fatal", "1", "x"))).toBe(false);
  });
});
