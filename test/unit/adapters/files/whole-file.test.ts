import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sumFile, writeWholeFile } from "../../../../services/adapters/files/whole-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meterhouse-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function* pieces(...texts: string[]) {
  for (const text of texts) yield new TextEncoder().encode(text);
}

it("writes a file with its folder, and tells its length and checksum", async () => {
  const path = join(folder, "new", "file");
  const sha256 = createHash("sha256").update("one two").digest("hex");
  expect(await writeWholeFile(path, pieces("one", " two"))).toEqual({ bytes: 7, sha256 });
  expect(await sumFile(path)).toEqual({ bytes: 7, sha256 });
  expect(await sumFile(join(folder, "absent"))).toBeNull();
});

it("leaves what was there if the new contents break off", async () => {
  const path = join(folder, "file");
  await writeWholeFile(path, pieces("old"));
  const broken = async function* () {
    yield* pieces("new, and lo");
    throw new Error("gone");
  };
  await expect(writeWholeFile(path, broken())).rejects.toThrow("gone");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["file"]);
});
