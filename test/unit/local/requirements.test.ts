import { describe, expect, it } from "vitest";
import { engineLibrary } from "../../../services/local/engine-library.ts";
import { type Ask, requireJava, requireMaven, requirePython } from "../../../services/local/requirements.ts";

const says =
  (output: string, code = 0): Ask =>
  async () => ({ code, output });
const absent: Ask = async () => ({ code: undefined, output: "" });

describe("a missing tool gets a sentence that says what to install", () => {
  it.each([
    ["no Java", () => requireJava(absent), /needs Java, which was not found\. Install Java 17 or newer/],
    ["an old Java", () => requireJava(says('openjdk version "11.0.2"')), /this is Java 11\. Install Java 17/],
    ["a very old Java", () => requireJava(says('java version "1.8.0_402"')), /this is Java 8\. Install/],
    [
      "no Maven",
      () => requireMaven(absent),
      /Maven, which fetches the Kafka broker, was not found\. Install it/,
    ],
    ["no Python", () => requirePython(absent), /needs Python, which was not found\. Install Python 3\.10/],
    [
      "an old Python",
      () => requirePython(says("Python 3.9.18")),
      /this is Python 3\.9\. Install Python 3\.10/,
    ],
    [
      "no venv",
      () => requirePython(says("Python 3.11.7", 1)),
      /venv module was not found\. Install .*python3-venv/,
    ],
  ])("%s", async (_name, require, sentence) => {
    await expect(require()).rejects.toThrow(sentence);
  });

  it.each([
    'openjdk version "17.0.15" 2025-04-15',
    'java version "21" 2023-09-19',
    'openjdk version "25-ea"',
  ])("takes %s", async (output) => {
    await requireJava(says(output));
  });

  it("takes newer Pythons", async () => {
    await requirePython(says("Python 3.14.0rc1"));
  });
});

describe("engineLibrary", () => {
  it("names the package that another platform needs", () => {
    expect(() => engineLibrary("darwin", "arm64")).toThrow("@chdb/lib-darwin-arm64@");
    expect(() => engineLibrary("linux", "arm64")).toThrow("@chdb/lib-linux-arm64-gnu@");
  });

  it("points to compose where there is no package", () => {
    expect(() => engineLibrary("win32", "x64")).toThrow(
      /no embedded ClickHouse for win32-x64\. .*docker compose up/,
    );
  });
});
