// Reads the contracts of schemas/: one folder per record, one vN.avsc per version.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Schema } from "avsc";

export const RECORDS = ["gpu_time_event", "gpu_totals", "event_void"] as const;
export type RecordName = (typeof RECORDS)[number];

/** Versions whose fields this code knows: what comes in another one is read as one of these. */
const READ_AS: Readonly<Record<RecordName, string>> = {
  gpu_time_event: "v3",
  gpu_totals: "v2",
  event_void: "v2",
};

export interface KnownSchema {
  readonly record: RecordName;
  /** v1, v2, … */
  readonly version: string;
  readonly schema: Schema;
  /** The version that this code reads into, as READ_AS says. */
  readonly reader: Schema;
}

export const SCHEMAS_DIRECTORY = fileURLToPath(new URL("../../../schemas", import.meta.url));

/** @throws Error that names the file if one is missing or is not JSON */
export function loadSchemas(directory: string = SCHEMAS_DIRECTORY): KnownSchema[] {
  return RECORDS.flatMap((record) => {
    const reader = parse(join(directory, record, `${READ_AS[record]}.avsc`));
    return readdirSync(join(directory, record))
      .filter((file) => /^v\d+\.avsc$/.test(file))
      .map((file) => ({
        record,
        version: file.slice(0, -".avsc".length),
        schema: parse(join(directory, record, file)),
        reader,
      }))
      .sort((a, b) => Number(a.version.slice(1)) - Number(b.version.slice(1)));
  });
}

function parse(file: string): Schema {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Schema;
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Which schema a registry's id stands for, from texts such as `1=gpu_time_event/v1`; undefined if one is not like that. */
export function confluentIds(lines: readonly string[]): Map<number, string> | undefined {
  const pairs = lines.map((line) => /^(\d+)=(\w+\/v\d+)$/.exec(line));
  if (pairs.includes(null)) return undefined;
  return new Map(pairs.map((pair) => [Number(pair?.[1]), String(pair?.[2])]));
}
