import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runAsProcess } from "../../../services/cli/child.ts";

const folder = mkdtempSync(join(tmpdir(), "meterhouse-cli-"));

function script(name: string, body: string): string {
  const file = join(folder, name);
  writeFileSync(file, body);
  return file;
}

afterAll(() => rmSync(folder, { recursive: true }));

it("passes arguments in and the exit code out", async () => {
  const file = script("exit.ts", "const code: number = Number(process.argv[2]); process.exit(code);");
  expect(await runAsProcess(file, ["7"])).toBe(7);
});

it("gives 128 plus the number of the signal that ended the process", async () => {
  const file = script("killed.ts", 'process.kill(process.pid, "SIGKILL");');
  expect(await runAsProcess(file, [])).toBe(137);
});

it("passes a signal on and waits for the process to end in order", async () => {
  const inner = script(
    "inner.ts",
    `const idle = setInterval(() => undefined, 1_000);
     process.once("SIGTERM", () => { clearInterval(idle); process.exitCode = 5; });
     process.stdout.write("ready");`,
  );
  const child = join(import.meta.dirname, "../../../services/cli/child.ts");
  const outer = script(
    "outer.ts",
    `import { runAsProcess } from ${JSON.stringify(child)};
     process.exitCode = await runAsProcess(${JSON.stringify(inner)}, []);`,
  );
  const parent = spawn(process.execPath, [outer], { stdio: ["ignore", "pipe", "inherit"] });
  await once(parent.stdout, "data");
  parent.kill("SIGTERM");
  expect(await once(parent, "exit")).toEqual([5, null]);
});
