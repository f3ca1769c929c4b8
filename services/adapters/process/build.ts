import { join } from "node:path";
import { readJsonFile } from "../files/json-file.ts";

const PACKAGE = join(import.meta.dirname, "../../../package.json");

/** The version of Meterhouse that runs. */
export function version(): string {
  const read = readJsonFile(PACKAGE);
  const { version = "unknown" } = (read.ok ? read.document : {}) as { readonly version?: string };
  return version;
}
