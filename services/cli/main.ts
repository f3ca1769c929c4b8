#!/usr/bin/env node
import { join } from "node:path";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { readJsonFile } from "../adapters/files/json-file.ts";
import { runAsProcess } from "./child.ts";
import { understand } from "./commands.ts";

const ROOT = join(import.meta.dirname, "../..");

const read = readJsonFile(join(ROOT, "package.json"));
const { version } = (read.ok ? read.document : {}) as { readonly version?: string };
const request = understand(process.argv.slice(2), version ?? "unknown");
if (request.kind === "run") {
  process.exitCode = await runAsProcess(join(ROOT, request.entry), request.arguments);
} else {
  const stream = request.exitCode === EXIT.done ? process.stdout : process.stderr;
  stream.write(`${request.text}\n`);
  process.exitCode = request.exitCode;
}
