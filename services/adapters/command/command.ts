import { CommanderError, Option } from "commander";
import type { Fields } from "../config/config.ts";
import type { Field } from "../config/fields.ts";
import { CONFIG_KEYS } from "../config/keys.ts";
import { EXIT } from "./exit-codes.ts";
import type { OptionShape, Options, Values } from "./options.ts";
import { type Findings, Parser } from "./parser.ts";

const PROGRAM = "meterhouse";

/** Options that are each right, but not together: a sentence for each thing that is wrong. */
export class Faults {
  readonly problems: readonly string[];

  constructor(...problems: readonly string[]) {
    this.problems = problems;
  }
}

interface Shape {
  /** One word, or two as in `invoice draft`. */
  readonly name: string;
  readonly help: string;
  readonly argument?: { readonly name: string; readonly help: string };
  /** Settings that it reads, for its help; it then takes --config and --check-config too. */
  readonly settings?: Fields;
  /** Meant where the command line names no command. */
  readonly isDefault?: boolean;
  /** Another process reads what follows its name. */
  readonly isForwarded?: boolean;
}

/** A command as its process declares it. */
export interface CommandShape<O extends Options, T> extends Shape {
  readonly options: O;
  /** The command from its options and argument, or what is wrong with them. */
  readonly read: (values: Values<O>, argument: string) => T | Faults;
}

export interface Command<T> extends Shape {
  readonly options: Options;
  readonly read: (values: Readonly<Record<string, unknown>>, argument: string) => T | Faults;
}

export function command<const O extends Options, T>(shape: CommandShape<O, T>): Command<T> {
  return { ...shape, read: (values, argument) => shape.read(values as Values<O>, argument) };
}

export type CommandLine<T> =
  | { readonly kind: "command"; readonly command: T }
  /** Help or a version with EXIT.done; every fault of the command line with EXIT.usage. */
  | { readonly kind: "text"; readonly text: string; readonly exitCode: number };

/** Reads a command line, without the program's own name. */
export function readCommandLine<T>(
  commands: readonly Command<T>[],
  argv: readonly string[],
  version = "",
): CommandLine<T> {
  const root = new Parser(PROGRAM);
  if (version !== "") root.version(version, "--version", "show the version");
  root.enablePositionalOptions();
  const parsed: { value?: T } = {};
  for (const shape of commands) add(root, shape, argv, parsed);
  const { findings } = root;
  try {
    root.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Where commander would show help for want of a command, that is a fault, with the help as the answer.
    if (error.exitCode !== 0 && findings.problems.length === 0)
      return finished(commandMissing(root, argv), EXIT.usage);
  }
  if (findings.problems.length > 0) return finished(faultText(findings), EXIT.usage);
  if (findings.output.length > 0) return finished(findings.output.join("").trimEnd(), EXIT.done);
  return { kind: "command", command: parsed.value as T };
}

/** What the command line of this process asks for; ends it after help, a version or faults. */
export function commandOrExit<T>(commands: readonly Command<T>[]): T {
  const line = readCommandLine(commands, process.argv.slice(2));
  if (line.kind === "command") return line.command;
  const stream = line.exitCode === EXIT.done ? process.stdout : process.stderr;
  stream.write(`${line.text}\n`);
  return process.exit(line.exitCode);
}

/** The help of a command, as `--help` after its name shows it. */
export function helpOf(commands: readonly Command<unknown>[], name: string): string {
  const line = readCommandLine(commands, [...name.split(" ").filter(Boolean), "--help"]);
  return line.kind === "text" ? line.text : "";
}

function add<T>(root: Parser, shape: Command<T>, argv: readonly string[], parsed: { value?: T }): void {
  const parser = placeOf(root, shape);
  parser.description(shape.help).allowExcessArguments(true);
  if (shape.isForwarded === true) {
    parser.helpOption(false).allowUnknownOption(true).passThroughOptions(true);
    parser.action(() => {
      parsed.value = shape.read({}, "") as T;
    });
    return;
  }
  if (shape.argument !== undefined) parser.argument(shape.argument.name, shape.argument.help);
  const given: Given = { unreadable: new Set() };
  for (const [name, option] of Object.entries(shape.options))
    parser.addOption(optionOf(name, option, parser, given));
  if (shape.settings !== undefined) addSettings(parser, shape.settings);
  parser.action(() => {
    const values = parser.opts<Record<string, unknown>>();
    const argument = parser.args.find((word) => !parser.unknown.includes(word));
    const missing = [...missingArgument(shape, argument), ...missingOptions(shape.options, values, given)];
    parser.add([...missing, ...excess(parser, shape, argv)]);
    if (missing.length > 0 || given.unreadable.size > 0) return;
    const named = Object.keys(shape.options).map((name) => [name, values[name]] as const);
    const meant = shape.read(Object.fromEntries(named), argument ?? "");
    if (meant instanceof Faults) parser.add(meant.problems);
    else parsed.value = meant;
  });
}

/** Where a command stands: at the root, or in a group such as `invoice`. */
function placeOf(root: Parser, { name, isDefault = false }: Shape): Parser {
  const [first = "", second] = name.split(" ");
  if (second === undefined) return root.command(first, { isDefault }) as Parser;
  const group = root.commands.find((known) => known.name() === first) ?? root.command(first);
  return group.command(second) as Parser;
}

interface Given {
  /** Options with a value that means nothing. */
  readonly unreadable: Set<string>;
}

function optionOf(name: string, shape: OptionShape<unknown>, parser: Parser, { unreadable }: Given): Option {
  const { flags, help, parse, fallback, isRequired = false } = shape;
  const option = new Option(flags, isRequired ? `${help} (required)` : help);
  option.attributeName = () => name;
  if (fallback !== undefined && fallback.value !== false) option.default(fallback.value);
  if (parse === undefined) return option;
  return option.argParser((raw: string | undefined) => {
    // Commander has said that the value is missing.
    const parsed = raw === undefined ? undefined : parse(raw);
    if (parsed?.ok === true) return parsed.value;
    unreadable.add(name);
    if (parsed !== undefined) parser.add([`${option.long} ${JSON.stringify(raw)} ${parsed.problem}`]);
    return undefined;
  });
}

function missingArgument({ argument }: Shape, found: string | undefined): string[] {
  return argument === undefined || found !== undefined
    ? []
    : [`${argument.name} is missing: ${argument.help}`];
}

function missingOptions(
  options: Options,
  values: Readonly<Record<string, unknown>>,
  { unreadable }: Given,
): string[] {
  return Object.entries(options).flatMap(([name, { flags, help, isRequired = false, fallback }]) => {
    if (isRequired && values[name] === undefined && !unreadable.has(name))
      return [`${flags} is missing: ${help}`];
    if (values[name] === undefined && fallback !== undefined)
      Object.assign(values, { [name]: fallback.value });
    return [];
  });
}

function excess(
  parser: Parser,
  { name, argument, isDefault = false }: Shape,
  argv: readonly string[],
): string[] {
  const more = parser.args.slice(argument === undefined ? 0 : 1);
  // What follows an unknown option is most likely meant as its value.
  if (more.length === 0 || parser.unknown.length > 0) return [];
  const names = more.map((word) => JSON.stringify(word)).join(" ");
  if (!isDefault || argv.includes(name))
    return [`${name} takes ${argument === undefined ? "nothing" : "one"} beside its options, not ${names}`];
  const others = parser.parent?.commands.map((known) => known.name()) ?? [];
  return [`there is no command ${names}; there is ${others.join(", ")}`];
}

function addSettings(parser: Parser, settings: Fields): void {
  parser.option("--config <file>", "JSON file with settings (environment: METERHOUSE_CONFIG)");
  parser.option("--check-config", "read the settings, name every fault and end");
  const rows = Object.values(settings).map((field) => `  ${field.key}\n      ${settingHelp(field)}`);
  parser.addHelpText("after", `\nSettings, from the environment or the file:\n${rows.join("\n")}`);
}

function settingHelp({ key, fallback }: Field<unknown>): string {
  const text = fallback?.text ?? "";
  if (fallback === undefined) return `${CONFIG_KEYS[key]} Must be set.`;
  return text === "" ? CONFIG_KEYS[key] : `${CONFIG_KEYS[key]} Default: ${text}.`;
}

function commandMissing(root: Parser, argv: readonly string[]): string {
  const group = root.commands.find((known) => known.name() === argv[0]) ?? root;
  return `${[PROGRAM, ...argv].join(" ")}: a command is missing\n\n${group.helpInformation().trimEnd()}`;
}

function faultText({ path, problems }: Findings): string {
  const [first = "", ...more] = problems;
  const help = `See ${path} --help.`;
  if (more.length === 0) return `${path}: ${first}. ${help}`;
  const lines = problems.map((problem) => `  ${problem}`);
  return `${path}: ${problems.length} faults\n${lines.join("\n")}\n${help}`;
}

function finished(text: string, exitCode: number): CommandLine<never> {
  return { kind: "text", text, exitCode };
}
