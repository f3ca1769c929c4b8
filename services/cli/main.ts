#!/usr/bin/env node
import { join } from "node:path";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { version } from "../adapters/process/build.ts";
import { runAsProcess } from "./child.ts";
import { understand } from "./commands.ts";

const ROOT = join(import.meta.dirname, "../..");

const request = understand(process.argv.slice(2), version());
if (request.kind === "run") {
  process.exitCode = await runAsProcess(join(ROOT, request.entry), request.arguments);
} else {
  const stream = request.exitCode === EXIT.done ? process.stdout : process.stderr;
  stream.write(`${request.text}\n`);
  process.exitCode = request.exitCode;
}
