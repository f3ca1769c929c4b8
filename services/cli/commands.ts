import { command, readCommandLine } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";

/** A command and the process that does it. Its options are declared there. Paths are relative to the repository's root. */
export interface Command {
  readonly help: string;
  readonly entry: string;
  /** Who does it where this option is given. */
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
    help: "Play a recorded H100 workload through everything, from the probe to an invoice per tenant.",
    entry: "services/local/demo/main.ts",
  },
  migrate: { help: "Bring ClickHouse's tables up to date.", entry: "services/cli/migrate.ts" },
  processor: { help: "Read events from Kafka into usage_log.", entry: "services/processor/main.ts" },
  settlement: { help: "Close hours as they become due, audit them and rate them.", entry: SETTLEMENT },
  pricing: {
    help: "Serve the API of prices, charges, invoices and corrections.",
    entry: "services/api/main.ts",
  },
  jobs: {
    help: "Do the periodic work: alerts, the index, invoices and retention.",
    entry: "services/jobs/main.ts",
  },
  key: { help: "key create: make an API key.", entry: "services/api/main.ts" },
  "price-book": { help: "price-book check, publish: files become price books in force.", entry: API },
  close: { help: "Close every hour up to one now, or one closed hour anew.", entry: SETTLEMENT },
  invoice: { help: "invoice draft, finalise, list, show, void.", entry: API },
  verify: {
    help: "Recompute an invoice, or with --hour a closed hour, from its events, and name what differs.",
    entry: API,
    entryWith: { option: "--hour", entry: SETTLEMENT },
  },
  explain: { help: "Show how a charge came about, term by term.", entry: API },
  history: { help: "Show an event, its corrections and the revisions of its hours.", entry: API },
  void: { help: "Take an event out of all later revisions.", entry: API },
  quote: { help: "Show what a workload is expected to cost, from measured sessions.", entry: API },
  "what-if": { help: "Show what another price book would have made of stored hours.", entry: API },
  index: { help: "Show the unit-quality compute price over time.", entry: API },
  export: {
    help: "export focus: write charges or invoices in the columns of FOCUS 1.2 into a file.",
    entry: API,
  },
};

/** What a command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly entry: string; readonly arguments: readonly string[] }
  | { readonly kind: "say"; readonly text: string; readonly exitCode: number };

const ABOUT = [
  "Meterhouse meters the GPU time that AI models use and turns it into bills that anyone can recompute.",
  "meterhouse <command> --help shows what a command takes, and the settings that it reads.",
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
  const { entry, entryWith } = COMMANDS[line.asked] as Command;
  const isWith = entryWith !== undefined && rest.some((word) => word.split("=")[0] === entryWith.option);
  return { kind: "run", entry: isWith ? entryWith.entry : entry, arguments: argv };
}
