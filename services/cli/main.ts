#!/usr/bin/env node
import { join } from "node:path";
import { runAsProcess } from "./child.ts";
import { understand } from "./commands.ts";

const ROOT = join(import.meta.dirname, "../..");

const request = understand(process.argv.slice(2));
if (request.kind === "run") {
  process.exitCode = await runAsProcess(join(ROOT, request.entry), request.arguments);
} else {
  const stream = request.exitCode === 0 ? process.stdout : process.stderr;
  stream.write(`${request.text}\n`);
  process.exitCode = request.exitCode;
}
