import { isIP } from "node:net";
import type { ConfigKey } from "./keys.ts";
import { Secret } from "./secret.ts";

/** What a raw text means: its value, or the reason why it means nothing. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; problem: string };

/** One setting: where it is read from, how, and what holds when it is absent. */
export interface Field<T> {
  readonly key: ConfigKey;
  /** What a good value looks like, for people. */
  readonly expected: string;
  readonly parse: (raw: string) => Parsed<T>;
  /** Absent: the setting must be given. `text` is how a person would write it; absent where nothing is meant. */
  readonly fallback?: { readonly value: T; readonly text?: string };
  /** May be given as a path under `<key>_FILE`; its raw text never shows in a fault. */
  readonly isSecret?: boolean;
  /** What is wrong with the settings together, by the names that they are declared under. */
  readonly conflicts?: (values: Readonly<Record<string, unknown>>) => readonly Conflict[];
}

export interface Conflict {
  readonly key: ConfigKey;
  readonly problem: string;
  readonly expected: string;
}

interface Settings<T> {
  readonly default?: T;
}

const DURATION_UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Any text; `check` returns what is wrong with it, or undefined. */
export function text(
  key: ConfigKey,
  options?: Settings<string> & { check?: (value: string) => string | undefined },
): Field<string> {
  return field(key, "a text", options, (raw) => {
    const problem = options?.check?.(raw);
    return problem === undefined ? good(raw) : bad(problem);
  });
}

/** A text that never shows in logs; read from `<key>` or from the file named by `<key>_FILE`. */
export function secret(key: ConfigKey): Field<Secret> {
  const expected = `a text, or a file named by ${key}_FILE`;
  return { ...field(key, expected, {}, (raw) => good(new Secret(raw))), isSecret: true };
}

/** A text that never shows and has a form: `parse` gives what it means, or undefined. */
export function secretValue<T>(
  key: ConfigKey,
  expected: string,
  parse: (value: string) => T | undefined,
): Field<T> {
  const read = (raw: string) => {
    const value = parse(raw);
    return value === undefined ? bad("is not like that") : good(value);
  };
  return { ...field(key, `${expected}; or a file named by ${key}_FILE`, {}, read), isSecret: true };
}

/** Certificates or a private key, from `<key>` or from the file named by `<key>_FILE`. */
export function pem(key: ConfigKey): Field<Secret> {
  const expected = `PEM, such as -----BEGIN CERTIFICATE-----, or a file named by ${key}_FILE`;
  const parse = (raw: string) =>
    /-----BEGIN [A-Z ]+-----/.test(raw) ? good(new Secret(raw)) : bad("is no PEM");
  return { ...field(key, expected, {}, parse), isSecret: true };
}

/** The same setting, with what it must agree with. */
export function agreeing<T>(one: Field<T>, conflicts: NonNullable<Field<T>["conflicts"]>): Field<T> {
  return { ...one, conflicts };
}

/** The same setting, but it may be absent. */
export function optional<T>(required: Field<T>): Field<T | undefined> {
  return { ...required, fallback: { value: undefined } };
}

/** A whole number within `min` and `max`, both included. */
export function integer(
  key: ConfigKey,
  options?: Settings<number> & { min?: number; max?: number },
): Field<number> {
  const min = options?.min ?? Number.MIN_SAFE_INTEGER;
  const max = options?.max ?? Number.MAX_SAFE_INTEGER;
  return field(key, `a whole number${range(options?.min, options?.max)}`, options, (raw) =>
    /^-?\d{1,15}$/.test(raw) ? within(Number(raw), min, max) : bad("is not a whole number"),
  );
}

/** A TCP port; 0 stands for any free one. */
export function port(key: ConfigKey, options?: Settings<number>): Field<number> {
  return { ...integer(key, { ...options, min: 0, max: 65_535 }), expected: "a port from 0 to 65535" };
}

/** A length of time such as `1500ms`, `30s`, `10m`, `2h` or `1d`, as milliseconds; `min` and `max` are written the same. */
export function duration(
  key: ConfigKey,
  options?: Settings<string> & { min?: string; max?: string },
): Field<number> {
  const min = durationMs(options?.min ?? "0ms");
  const max = options?.max === undefined ? Number.MAX_SAFE_INTEGER : durationMs(options.max);
  const expected = `a duration such as 1500ms, 30s, 10m, 2h or 1d${range(options?.min, options?.max)}`;
  const settings = options?.default === undefined ? {} : { default: durationMs(options.default) };
  return field(
    key,
    expected,
    settings,
    (raw) => {
      const value = parseDuration(raw);
      return value === undefined ? bad("is not a duration") : within(value, min, max);
    },
    options?.default,
  );
}

/** Texts separated by commas; blanks around them and empty ones are left out. */
export function list(key: ConfigKey, options?: Settings<readonly string[]>): Field<readonly string[]> {
  return field<readonly string[]>(key, "one or more texts separated by commas", options, (raw) => {
    const items = raw
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
    return items.length === 0 ? bad("names nothing") : good(Object.freeze(items));
  });
}

/** IP addresses and networks such as 10.0.0.0/8, separated by commas. */
export function networks(key: ConfigKey, options?: Settings<readonly string[]>): Field<readonly string[]> {
  const names = list(key, options);
  const expected = "addresses and networks such as 192.0.2.1 or 10.0.0.0/8, separated by commas";
  const parse = (raw: string): Parsed<readonly string[]> => {
    const parsed = names.parse(raw);
    const wrong = parsed.ok ? parsed.value.find((name) => !isNetwork(name)) : undefined;
    return wrong === undefined ? parsed : bad(`holds ${JSON.stringify(wrong)}, which is neither`);
  };
  return { ...names, expected, parse };
}

/** One of the given words. */
export function choice<const W extends string>(
  key: ConfigKey,
  words: readonly W[],
  options?: Settings<NoInfer<W>>,
): Field<W> {
  return field<W>(key, `one of ${words.join(", ")}`, options, (raw) => {
    const word = words.find((candidate) => candidate === raw);
    return word === undefined ? bad("is none of them") : good(word);
  });
}

/** `true` or `false`. */
export function flag(key: ConfigKey, options?: Settings<boolean>): Field<boolean> {
  return field(key, "true or false", options, (raw) =>
    raw === "true" || raw === "false" ? good(raw === "true") : bad("is neither"),
  );
}

/** An http or https address. A user or password in it is refused, because addresses end up in logs. */
export function url(key: ConfigKey, options?: Settings<string>): Field<string> {
  return field(key, "an http:// or https:// address without user or password", options, (raw) => {
    const parsed = URL.canParse(raw) ? new URL(raw) : undefined;
    if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") return bad("is no such address");
    if (parsed.username !== "" || parsed.password !== "")
      return { ok: false, problem: "holds a user or password" };
    return good(raw.replace(/\/+$/, ""));
  });
}

/** The path of a file or folder, relative to the working directory or absolute; not looked up here. */
export function path(key: ConfigKey, options?: Settings<string>): Field<string> {
  return field(key, "a path", options, (raw) => (raw.includes("\0") ? bad("holds a zero byte") : good(raw)));
}

function field<T>(
  key: ConfigKey,
  expected: string,
  settings: Settings<T> | undefined,
  parse: (raw: string) => Parsed<T>,
  text = String(settings?.default),
): Field<T> {
  const base = { key, expected, parse };
  return settings?.default === undefined ? base : { ...base, fallback: { value: settings.default, text } };
}

function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function bad(problem: string): Parsed<never> {
  return { ok: false, problem };
}

function within(value: number, min: number, max: number): Parsed<number> {
  return value >= min && value <= max ? good(value) : bad("is out of range");
}

function range(min: number | string | undefined, max: number | string | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? "" : ` of at most ${max}`;
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function parseDuration(raw: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(raw);
  if (match === null) return undefined;
  const value = Number(match[1]) * DURATION_UNITS_MS[match[2] as keyof typeof DURATION_UNITS_MS];
  return Number.isSafeInteger(value) ? value : undefined;
}

function durationMs(written: string): number {
  const value = parseDuration(written);
  if (value === undefined) throw new Error(`"${written}" in a field's declaration is not a duration`);
  return value;
}
