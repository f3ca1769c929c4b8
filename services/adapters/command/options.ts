import type { Parsed } from "../config/fields.ts";

/** An option of a command: how it is written, what it is for, and how its text is read. */
export interface OptionShape<T> {
  /** As in help, such as `--from <hour>`. */
  readonly flags: string;
  readonly help: string;
  /** Absent: the option is a switch. */
  readonly parse?: (raw: string) => Parsed<T>;
  readonly fallback?: { readonly value: T };
  readonly isRequired?: boolean;
}

export type Options = Readonly<Record<string, OptionShape<unknown>>>;
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends OptionShape<infer T> ? T : never;
};

/** Any text. What only goes to the API is left to the API to judge. */
export function text(flags: string, help: string): OptionShape<string | undefined> {
  return { flags, help, parse: good };
}

/** A switch: there or not. */
export function flag(flags: string, help: string): OptionShape<boolean> {
  return { flags, help, fallback: { value: false } };
}

/** One of the given words. */
export function choice<const W extends string>(
  flags: string,
  help: string,
  words: readonly W[],
): OptionShape<W | undefined> {
  const parse = (raw: string): Parsed<W> => {
    const word = words.find((known) => known === raw);
    return word === undefined ? bad(`is none of ${words.join(", ")}`) : good(word);
  };
  return { flags, help: `${help}: ${words.join(", ")}`, parse };
}

/** A whole number within `min` and `max`, both included. */
export function whole(
  flags: string,
  help: string,
  { min, max }: { readonly min: number; readonly max: number },
): OptionShape<number | undefined> {
  const parse = (raw: string): Parsed<number> => {
    const value = /^\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
    return value >= min && value <= max ? good(value) : bad(`is no whole number from ${min} to ${max}`);
  };
  return { flags, help, parse };
}

/** What has a meaning of its own, such as an hour; `problem` says how it is to be written. */
export function read<T>(
  flags: string,
  help: string,
  meaningOf: (raw: string) => T | null,
  problem: string,
): OptionShape<T | undefined> {
  const parse = (raw: string): Parsed<T> => {
    const value = meaningOf(raw);
    return value === null ? bad(problem) : good(value);
  };
  return { flags, help, parse };
}

/** The same option, but the command makes no sense without it. */
export function required<T>(option: OptionShape<T | undefined>): OptionShape<T> {
  return { ...(option as OptionShape<T>), isRequired: true };
}

/** The same option, with what holds where it is absent. */
export function otherwise<T>(option: OptionShape<T | undefined>, value: NoInfer<T>): OptionShape<T> {
  return { ...(option as OptionShape<T>), fallback: { value } };
}

/** Where the answer goes: for a program instead of for a person. */
export const JSON_OPTION = flag("--json", "answer with one line of JSON");

function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function bad(problem: string): Parsed<never> {
  return { ok: false, problem };
}
