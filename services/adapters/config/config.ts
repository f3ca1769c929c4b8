import { readFileSync } from "node:fs";
import type { Field } from "./fields.ts";
import { CONFIG_KEYS } from "./keys.ts";

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type Config<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never;
};
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSource {
  readonly env: Environment;
  /** Arguments without the program's own; only `--config <file>` is looked at. */
  readonly argv?: readonly string[];
}

export interface ConfigFault {
  readonly key: string;
  readonly problem: string;
  readonly expected: string;
}

/** All faults of a configuration in one error. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ key, problem, expected }) => `  ${key} ${problem}; expected: ${expected}`);
    super(
      `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${lines.join("\n")}`,
    );
    this.name = "ConfigError";
    this.faults = faults;
  }
}

type Layer = Readonly<Record<string, string>>;
type Found = { raw: string } | { fault: ConfigFault } | undefined;

const PREFIX = "METERHOUSE_";

/**
 * Reads the declared fields: the environment first, then the JSON file named by `--config` or METERHOUSE_CONFIG, then
 * the field's default. An empty text counts as absent.
 * @throws ConfigError with every fault there is
 */
export function readConfig<const F extends Fields>(fields: F, source: ConfigSource): Config<F> {
  const faults: ConfigFault[] = [];
  const layers = readLayers(source, faults);
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const found = find(field, layers);
    if (found === undefined) {
      if (field.fallback === undefined) faults.push(fault(field, "is not set"));
      else values[name] = field.fallback.value;
    } else if ("fault" in found) {
      faults.push(found.fault);
    } else {
      const parsed = field.parse(found.raw);
      if (parsed.ok) values[name] = parsed.value;
      else faults.push(fault(field, describe(field, found.raw, parsed.problem)));
    }
  }
  if (faults.length === 0) {
    for (const { conflicts } of Object.values<Field<unknown>>(fields))
      faults.push(...(conflicts?.(values) ?? []));
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(values) as Config<F>;
}

/** Names that start like ours but that no part of Meterhouse reads: most likely mistyped. Sorted. */
export function unknownKeys(source: ConfigSource): readonly string[] {
  const names = readLayers(source, []).flatMap((layer) => Object.keys(layer));
  return [...new Set(names)].filter((name) => name.startsWith(PREFIX) && !isKnown(name)).sort();
}

/** Whether a name, or the name of a secret's file, is in the table of keys. */
export function isKnown(name: string): boolean {
  return name in CONFIG_KEYS || (name.endsWith("_FILE") && name.slice(0, -"_FILE".length) in CONFIG_KEYS);
}

function readLayers(source: ConfigSource, faults: ConfigFault[]): Layer[] {
  const env = Object.fromEntries(
    Object.entries(source.env).filter((entry): entry is [string, string] => (entry[1] ?? "") !== ""),
  );
  const file = configFile(source);
  return file === undefined ? [env] : [env, readFileLayer(file, faults)];
}

function configFile({ env, argv = [] }: ConfigSource): string | undefined {
  const joined = argv.find((argument) => argument.startsWith("--config="));
  if (joined !== undefined) return joined.slice("--config=".length);
  const at = argv.indexOf("--config");
  return at >= 0 ? (argv[at + 1] ?? "") : env["METERHOUSE_CONFIG"] || undefined;
}

function readFileLayer(file: string, faults: ConfigFault[]): Layer {
  const expected = "a JSON object of METERHOUSE_… names and texts, numbers, booleans or lists of texts";
  const layer: Record<string, string> = {};
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // A parser quotes the text around its fault, which may be a secret.
    const problem = error instanceof SyntaxError ? "is not JSON" : `cannot be read (${reason(error)})`;
    faults.push({ key: `--config ${file}`, problem, expected });
    return layer;
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    faults.push({ key: `--config ${file}`, problem: "is not an object", expected });
    return layer;
  }
  for (const [key, value] of Object.entries(content)) {
    const raw = rawText(value);
    if (raw === undefined) faults.push({ key, problem: `in ${file} has no plain value`, expected });
    else if (raw !== "") layer[key] = raw;
  }
  return layer;
}

function rawText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(",");
  return undefined;
}

function find(field: Field<unknown>, layers: readonly Layer[]): Found {
  for (const layer of layers) {
    const raw = layer[field.key];
    const file = field.isSecret ? layer[`${field.key}_FILE`] : undefined;
    if (raw !== undefined && file !== undefined) {
      return { fault: fault(field, `and ${field.key}_FILE are both set`) };
    }
    if (raw !== undefined) return { raw };
    if (file !== undefined) return readSecretFile(field, file);
  }
  return undefined;
}

function readSecretFile(field: Field<unknown>, file: string): Found {
  try {
    return { raw: readFileSync(file, "utf8").replace(/\r?\n$/, "") };
  } catch (error) {
    const problem = `names ${file}, which cannot be read (${reason(error)})`;
    return { fault: { key: `${field.key}_FILE`, problem, expected: "the path of a readable file" } };
  }
}

function fault(field: Field<unknown>, problem: string): ConfigFault {
  return { key: field.key, problem, expected: field.expected };
}

function describe(field: Field<unknown>, raw: string, problem: string): string {
  const mayHoldSecret = field.isSecret || raw.includes("@");
  return mayHoldSecret ? problem : `is ${JSON.stringify(raw)}, which ${problem}`;
}

function reason(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
