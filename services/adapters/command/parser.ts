// commander, but with every fault of a command line at once instead of the first one.
import { Command, type ParseOptionsResult } from "commander";

declare module "commander" {
  // What commander calls for an option that it does not know, with a suggestion, and for an argument that is not there.
  interface Command {
    unknownOption(flag: string): void;
    missingArgument(name: string): void;
  }
}

const HELP_WIDTH = 110;

/** What came of a command line so far, for a whole tree of commands. */
export interface Findings {
  readonly problems: string[];
  /** The path of the command that the first problem is about. */
  path: string;
  /** Help or version, if the line wants it. */
  readonly output: string[];
}

export class Parser extends Command {
  readonly findings: Findings;
  /** Options on the command line that nobody declared. */
  unknown: readonly string[] = [];

  constructor(name: string, findings: Findings = { problems: [], path: name, output: [] }) {
    super(name);
    this.findings = findings;
    this.exitOverride();
    this.configureOutput({
      writeOut: (text) => void findings.output.push(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
    this.helpCommand(false);
    this.helpOption("-h, --help", "show this help");
  }

  override createCommand(name = ""): Parser {
    return new Parser(name, this.findings);
  }

  /** Commander expects this not to come back; where it does, parsing goes on with the next argument. */
  override error(message: string): never {
    this.add([message.replace(/^error: /, "").replaceAll("\n", " ")]);
    return undefined as never;
  }

  add(problems: readonly string[]): void {
    if (this.findings.problems.length === 0) this.findings.path = this.path;
    this.findings.problems.push(...problems);
  }

  override parseOptions(argv: string[]): ParseOptionsResult {
    const parsed = super.parseOptions(argv);
    this.unknown = parsed.unknown.filter((word) => /^-./.test(word));
    return parsed;
  }

  /** Commander takes an unknown option for an argument, so this is looked at where the command is read. */
  override missingArgument(): void {}

  /** Commander names the first one. */
  override unknownOption(): void {
    for (const flag of this.unknown) super.unknownOption(flag);
  }

  /** The path of names from the program to this command. */
  get path(): string {
    const { parent } = this;
    return parent instanceof Parser ? `${parent.path} ${this.name()}` : this.name();
  }
}
