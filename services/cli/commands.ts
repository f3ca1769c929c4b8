import { command, readCommandLine } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";

/** A command and the process that does it. Its options are declared there. Paths are relative to the repository's root. */
export interface Command {
  readonly help: string;
  readonly entry: string;
  /** The entry if this option is given. */
  readonly entryWith?: { readonly option: string; readonly entry: string };
}

const API = "services/cli/api.ts";
const SETTLEMENT = "services/settlement/main.ts";

export const COMMANDS: Readonly<Record<string, Command>> = {
  up: {
    help: "Start a Kafka broker and a ClickHouse engine on this machine.",
    entry: "services/local/main.ts",
  },
  demo: {
    help: "Replay a recorded H100 workload end to end, from the probe to an invoice per tenant.",
    entry: "services/local/demo/main.ts",
  },
  migrate: { help: "Bring ClickHouse's tables up to date.", entry: "services/cli/migrate.ts" },
  topic: {
    help: "topic ensure: make the topic of events, and give each process its rights on it.",
    entry: "services/cli/topic.ts",
  },
  processor: { help: "Read events from Kafka into usage_log.", entry: "services/processor/main.ts" },
  settlement: { help: "Close hours as they become due, audit them and rate them.", entry: SETTLEMENT },
  pricing: {
    help: "Serve the API of prices, charges, invoices and corrections.",
    entry: "services/api/main.ts",
  },
  jobs: {
    help: "Run periodic jobs: alerts, the index, invoices and retention.",
    entry: "services/jobs/main.ts",
  },
  key: { help: "key create: create an API key.", entry: "services/api/main.ts" },
  "price-book": { help: "price-book check, publish: check and publish price books from files.", entry: API },
  close: { help: "Close all hours up to one now, or revise a closed hour.", entry: SETTLEMENT },
  invoice: { help: "invoice draft, finalise, list, show, void.", entry: API },
  verify: {
    help: "Recompute an invoice, or with --hour a closed hour, and report what differs.",
    entry: API,
    entryWith: { option: "--hour", entry: SETTLEMENT },
  },
  explain: { help: "Show how a charge was computed, factor by factor.", entry: API },
  history: { help: "Show an event, its corrections and the revisions of its hours.", entry: API },
  void: { help: "Void an event: later revisions leave it out.", entry: API },
  quote: { help: "Quote a workload from measured sessions.", entry: API },
  "what-if": { help: "Show what stored hours would cost by another price book.", entry: API },
  index: { help: "Show the price of a GPU-hour of unit quality over time.", entry: API },
  export: {
    help: "export focus: export charges or invoices to a file in FOCUS 1.2 columns.",
    entry: API,
  },
};

/** The meaning of a command line. */
export type Request =
  | { readonly kind: "run"; readonly entry: string; readonly arguments: readonly string[] }
  | { readonly kind: "say"; readonly text: string; readonly exitCode: number };

const ABOUT = [
  "Meterhouse meters the GPU time that AI models use and turns it into bills that anyone can recompute.",
  "meterhouse <command> --help shows the options of a command and the settings that it reads.",
];

/** `argv` without the program's own. A command's process reads it, and knows what follows the command's name. */
export function understand(argv: readonly string[], version: string): Request {
  const [first = "--help", ...rest] = argv;
  if (first === "help") return understand([...rest, "--help"], version);
  const forwarded = Object.entries(COMMANDS).map(([name, { help }]) =>
    command({ name, help, isForwarded: true, options: {}, read: () => name }),
  );
  const line = readCommandLine(forwarded, [first, ...rest], version);
  if (line.kind === "text") {
    const about = line.exitCode === EXIT.done && first !== "--version" ? `${ABOUT.join("\n")}\n\n` : "";
    return { kind: "say", text: `${about}${line.text}`, exitCode: line.exitCode };
  }
  const { entry, entryWith } = COMMANDS[line.command] as Command;
  const isWith = entryWith !== undefined && rest.some((word) => word.split("=")[0] === entryWith.option);
  return { kind: "run", entry: isWith ? entryWith.entry : entry, arguments: argv };
}
