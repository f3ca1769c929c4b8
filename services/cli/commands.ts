/** A command and the process that does it. Paths are relative to the repository's root. */
export interface Command {
  readonly usage: string;
  readonly help: string;
  readonly entry: string;
  /** Put before the arguments given on the command line. */
  readonly arguments?: readonly string[];
  /** Who does it where the first argument names something, rather than being an option. */
  readonly entryOfNamed?: string;
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  up: {
    usage: "up [--directory <folder>] [--kafka-port <n>] [--clickhouse-port <n>]",
    help: "Start a Kafka broker and a ClickHouse engine on this machine.",
    entry: "services/local/main.ts",
    arguments: ["up"],
  },
  demo: {
    usage: "demo [--json] [--keep] [--kills <n>] [--boundary <hour>]",
    help: "Play a recorded H100 workload through everything, from the probe to a bill per tenant.",
    entry: "services/local/demo/main.ts",
  },
  migrate: {
    usage: "migrate",
    help: "Bring ClickHouse's tables up to date. Running it again changes nothing.",
    entry: "services/cli/migrate.ts",
  },
  processor: {
    usage: "processor",
    help: "Read events from Kafka into usage_log. Start as many as there is work for.",
    entry: "services/processor/main.ts",
  },
  settlement: {
    usage: "settlement",
    help: "Close hours as they become due, audit them and rate them.",
    entry: "services/settlement/main.ts",
  },
  pricing: {
    usage: "pricing",
    help: "Serve the API of prices, charges and corrections.",
    entry: "services/api/main.ts",
  },
  jobs: {
    usage: "jobs",
    help: "Do the periodic work: retention and what else falls due. Start more than one, and one leads.",
    entry: "services/api/main.ts",
    arguments: ["jobs"],
  },
  key: {
    usage: "key create --scope tenant|operator|admin [--tenant <id>] --name <text> [--json]",
    help: "Make an API key. It is shown once; only its hash is kept.",
    entry: "services/api/main.ts",
    arguments: ["key"],
  },
  explain: {
    usage: "explain <charge id> [--json]",
    help: "Show how a charge came about, term by term.",
    entry: "services/cli/api.ts",
    arguments: ["explain"],
  },
  export: {
    usage: "export focus --from <hour> --to <hour> --out <file> [--rows charges|invoices] [--tenant <id>]",
    help: "Write charges or invoices in the columns of FOCUS 1.2 into a .csv or .parquet file; --to is the first hour left out.",
    entry: "services/cli/export.ts",
  },
  history: {
    usage: "history <event id> [--json]",
    help: "Show an event, who corrected it, when and why, and the revisions of its hours.",
    entry: "services/cli/api.ts",
    arguments: ["history"],
  },
  void: {
    usage: "void <event id> --reason <text> [--json]",
    help: "Take an event out of all later revisions; the differences follow by themselves.",
    entry: "services/cli/api.ts",
    arguments: ["void"],
  },
  quote: {
    usage:
      "quote --model <name> --gpu <name> --requests <n> [--mig <profile>] [--tokens-in <n>] [--tokens-out <n>] [--tenant <id>] [--project <id>] [--from <hour>] [--json]",
    help: "Show what a workload is expected to cost, from measured sessions, with p50 and p90.",
    entry: "services/cli/api.ts",
    arguments: ["quote"],
  },
  "what-if": {
    usage: "what-if --from <hour> --to <hour> --book <hash> | --candidate <file> [--tenant <id>] [--json]",
    help: "Show what another price book would have made of stored hours, by tenant.",
    entry: "services/cli/api.ts",
    arguments: ["what-if"],
  },
  index: {
    usage:
      "index --from <hour> --to <hour> [--period hour|day] [--currency <code>] [--series all|shared] [--json]",
    help: "Show the unit-quality compute price over time: base 100, a chained Fisher index.",
    entry: "services/cli/api.ts",
    arguments: ["index"],
  },
  invoice: {
    usage: [
      "invoice draft|finalise --from <hour> [--to <hour>] [--tenant <id>] | list [--tenant <id>]",
      "show <id> [--format csv|html] | void <id> --reason <text> [--json]",
    ].join(" | "),
    help: "Make, show and take back invoices. A period is a month unless --to ends it; finalise without --tenant is for all.",
    entry: "services/cli/invoice.ts",
  },
  close: {
    usage: "close --through <hour> | --hour <hour> --reason <text> [--json]",
    help: "Close every hour up to this one now, such as 2026-01-31T10:00Z; or one closed hour anew.",
    entry: "services/settlement/main.ts",
    arguments: ["close"],
  },
  bill: {
    usage: "bill [--from <hour>] [--to <hour>] [--json]",
    help: "Print the bill of every tenant from the current charges; --to is the first hour left out.",
    entry: "services/settlement/main.ts",
    arguments: ["bill"],
  },
  verify: {
    usage: "verify <invoice id> [--depth lines|charges|events] | --hour <hour> [--revision <n>] [--json]",
    help: "Recompute an invoice or a closed hour from its events, compare, and name what differs.",
    entry: "services/settlement/main.ts",
    arguments: ["verify"],
    entryOfNamed: "services/cli/api.ts",
  },
};

/** What a command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly entry: string; readonly arguments: readonly string[] }
  | { readonly kind: "say"; readonly text: string; readonly exitCode: number };

const USAGE_EXIT = 2;

/** `argv` without the program's own. Arguments of a command are its process' business and passed on as they are. */
export function understand(argv: readonly string[]): Request {
  const [name = "help", ...rest] = argv;
  if (name === "help" || name === "--help" || name === "-h")
    return { kind: "say", text: helpText(), exitCode: 0 };
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const text = `There is no command "${name}". These are the commands:\n\n${commandLines()}`;
    return { kind: "say", text, exitCode: USAGE_EXIT };
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    return { kind: "say", text: `meterhouse ${command.usage}\n\n${command.help}`, exitCode: 0 };
  }
  const isNamed = rest[0] !== undefined && !rest[0].startsWith("-");
  const entry = (isNamed ? command.entryOfNamed : undefined) ?? command.entry;
  return { kind: "run", entry, arguments: [...(command.arguments ?? []), ...rest] };
}

function helpText(): string {
  return [
    "Meterhouse meters the GPU time that AI models use and turns it into bills that anyone can recompute.",
    `Usage: meterhouse <command>\n\n${commandLines()}`,
    "--check-config after processor, settlement, pricing, jobs or migrate reads the configuration, names every fault and ends.",
    "Settings: services/adapters/config/README.md",
  ].join("\n\n");
}

function commandLines(): string {
  return Object.values(COMMANDS)
    .map(({ usage, help }) => `  ${usage}\n      ${help}`)
    .join("\n");
}
